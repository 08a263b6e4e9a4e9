// From a model's log-probabilities to glosses with times and scores: what 30_ctc, 31_alignment, 32_language,
// 33_decoding and 35_calibration do in Python. `rows` is a list of steps, each with a log-probability for every class;
// class 0 is blank.

const BLANK = 0;

function logAdd(a, b) {
  const high = Math.max(a, b);
  return high===-Infinity ? high : high+Math.log1p(Math.exp(-Math.abs(a-b)));
}

const best = row => row.reduce((k, value, i) => value>row[k] ? i : k, 0);

// The most probable class of each step; equal neighbours merge, then blanks go.
export function greedy(rows) {
  const path = rows.map(best);
  return path.filter((c, t) => c!==BLANK && c!==path[t-1]);
}

// The n-gram model over class numbers; without one, every sentence costs nothing.
class Language {
  constructor(lm, vocabulary) {
    this.lm = lm;
    this.words = vocabulary.map((w, c) => lm && c>2 && w in lm.probs ? w : '<unk>'); // the first three are no glosses
  }

  // log p of a word behind others: with a shorter memory where the longer one has not seen it
  after(words, word) {
    if (!this.lm) return 0;
    const {order, probs, backoffs} = this.lm;
    let total = 0;
    for (let before = order>1 ? words.slice(1-order) : []; ; before = before.slice(1)) {
      const p = probs[[...before, word].join(' ')];
      if (p!==undefined) return (total+p)*Math.LN10;
      if (!before.length) return total*Math.LN10;
      total += backoffs[before.join(' ')] || 0;
    }
  }

  start() { return {words: ['<s>'], score: 0}; }

  grow(state, c) {
    const word = this.words[c];
    return {words: [...state.words, word], score: state.score+this.after(state.words, word)};
  }

  whole(state) { return state.score+this.after(state.words, '</s>'); }
}

// The most probable classes of a step, without blank.
function tried(row, most) {
  const classes = Array.from(row.keys()).slice(1);
  return classes.length<=most ? classes : classes.sort((a, b) => row[b]-row[a]).slice(0, most);
}

// Prefix beam search. A prefix has log p of its paths that end in a blank, and of those that end in its last gloss.
export function beamSearch(rows, {beam_size, lm_weight, insertion_score}, lm, vocabulary, most = 40) {
  const language = new Language(lm, vocabulary);
  const prior = p => insertion_score*p.symbols.length+(lm ? lm_weight*p.state.score : 0);
  let beam = [{key: '', symbols: [], state: language.start(), blank: 0, gloss: -Infinity}];
  for (const row of rows) {
    const found = new Map(), classes = tried(row, most);
    const add = (key, make, blank, gloss) => {
      if (!found.has(key)) found.set(key, {...make(), key, blank: -Infinity, gloss: -Infinity});
      const p = found.get(key);
      p.blank = logAdd(p.blank, blank);
      p.gloss = logAdd(p.gloss, gloss);
    };
    for (const p of beam) {
      const both = logAdd(p.blank, p.gloss), last = p.symbols.at(-1);
      add(p.key, () => p, both+row[BLANK], last===undefined ? -Infinity : p.gloss+row[last]);
      for (const c of classes) {
        const grown = () => ({symbols: [...p.symbols, c], state: language.grow(p.state, c)});
        add(p.key+' '+c, grown, -Infinity, row[c]+(c===last ? p.blank : both)); // the same again only after a blank
      }
    }
    for (const p of found.values()) p.rank = logAdd(p.blank, p.gloss)+prior(p);
    beam = [...found.values()].filter(p => p.rank>-Infinity).sort((a, b) => b.rank-a.rank).slice(0, beam_size);
  }
  const end = p => insertion_score*p.symbols.length+(lm ? lm_weight*language.whole(p.state) : 0);
  const total = p => logAdd(p.blank, p.gloss)+end(p);
  return beam.reduce((a, b) => total(b)>total(a) ? b : a).symbols;
}

export const decode = (rows, about) =>
  about.decoding.beam_size ? beamSearch(rows, about.decoding, about.lm, about.vocabulary) : greedy(rows);

// The state at each step of the most probable path that reads a sentence: even ones are blanks, 2i+1 is gloss i.
function bestPath(rows, sentence) {
  const symbols = [BLANK, ...sentence.flatMap(c => [c, BLANK])], moves = [];
  let score = symbols.map((c, s) => s<2 ? rows[0][c] : -Infinity);
  for (const row of rows.slice(1)) {
    const came = symbols.map((c, s) => {
      const jump = s>2 && s%2 && c!==symbols[s-2];
      return best([score[s], s ? score[s-1] : -Infinity, jump ? score[s-2] : -Infinity]);
    });
    score = symbols.map((c, s) => score[s-came[s]]+row[c]);
    moves.push(came);
  }
  const n = symbols.length;
  const path = [n===1 || score[n-1]>=score[n-2] ? n-1 : n-2];
  for (const came of moves.reverse()) path.push(path.at(-1)-came[path.at(-1)]);
  return path.reverse();
}

// Where each gloss of a sentence is: [first frame, behind the last frame, score].
export function timedSpans(rows, sentence, stride, frames, temperature = 1, weight = .6, reach = 3) {
  const mean = rows[0].map((_, c) => rows.reduce((sum, row) => logAdd(sum, row[c]), -Infinity)-Math.log(rows.length));
  const path = bestPath(rows.map(row => row.map((p, c) => p-weight*mean[c])), sentence);
  const own = sentence.map((_, i) => [path.indexOf(2*i+1), path.lastIndexOf(2*i+1)+1]);
  const middle = own.slice(1).map(([next], i) => Math.floor((own[i][1]+next)/2));
  return sentence.map((c, i) => {
    const [a, b] = own[i], low = i ? middle[i-1] : 0, high = i<middle.length ? middle[i] : path.length;
    const score = Math.exp(Math.max(...rows.slice(a, b).map(row => row[c])));
    const end = Math.min(Math.min(b+reach, high)*stride, frames);
    return [Math.max(a-reach, low)*stride, end, temper(score, temperature)];
  });
}

// Divide the logarithm of the odds by a temperature.
function temper(score, temperature) {
  if (temperature===1) return score;
  const p = Math.min(Math.max(score, 1e-6), 1-1e-6);
  return 1/(1+Math.exp(-(Math.log(p)-Math.log1p(-p))/temperature));
}

// To so many decimals as Python rounds: what lies exactly between two goes to the even one.
export function rounded(x, decimals) {
  const scaled = x*10**decimals, tie = Number.isInteger(x*2**(decimals+1)) && Math.abs(scaled%1)===.5;
  return tie ? 2*Math.round(scaled/2)/10**decimals : Number(x.toFixed(decimals));
}
