// From landmarks to the numbers that a model reads: what 10_landmarks and 52_recognition do in Python, and in the
// same single precision. A clip is a list of frames; a frame is a Float32Array x0,y0,x1,y1,... with NaN for what is
// missing. `about` is what the server says of the model (/model.json).

const single = Math.fround;
const NOSE_TO_HAND = 2; // shoulder widths
const WRISTS = [15, 16], LENGTHS = [[11, 12], [13, 15], [14, 16]], REACH = .75; // of MediaPipe's body
export const BODY = 33, HAND = 21; // its points
export const NOTHING = n => Array.from({length: n}, () => [NaN, NaN, NaN]);

export const seen = (frame, k) => !Number.isNaN(frame[2*k]) && !Number.isNaN(frame[2*k+1]);

const distance = (frame, a, b) => Math.hypot(single(frame[2*a]-frame[2*b]), single(frame[2*a+1]-frame[2*b+1]));

// The value below which a share of the numbers lies, between two of them on a straight line.
function quantile(values, share) {
  if (values.some(Number.isNaN)) return NaN;
  const sorted = Float64Array.from(values).sort(), at = share*(sorted.length-1), low = Math.floor(at);
  return sorted[low]+(at-low)*(sorted[Math.min(low+1, sorted.length-1)]-sorted[low]);
}

const median = values => quantile(values, .5);

// Landmarks [x, y, visibility] of each frame as a clip of the points of the model; a hidden point is missing, as one
// without numbers is (NaN, or null where it comes from JSON).
export function asClip(landmarks, about) {
  return landmarks.map(frame => {
    const nobody = frame.every(([x, y]) => x===0 && y===0), out = new Float32Array(2*about.take.length).fill(NaN);
    about.take.forEach((from, k) => {
      const [x, y, visibility = 1] = frame[from].map(value => value ?? NaN);
      if (!nobody && visibility>=.1 && !Number.isNaN(x+y)) out.set([x, y], 2*k);
    });
    return out;
  });
}

// Between two frames, where `at` says how many frames have passed.
function between(clip, at) {
  const low = Math.floor(at), share = at-low;
  if (share<=1e-6) return clip[low];
  const high = clip[Math.min(low+1, clip.length-1)];
  return clip[low].map((value, i) => (1-share)*value+share*high[i]);
}

// The clip as a camera of `fps` frames a second would have it.
export function resample(clip, seconds, fps) {
  const begin = seconds[0], step = begin+1/fps-begin, out = [];
  const n = Math.ceil((seconds.at(-1)+.5/fps-begin)/(1/fps));
  for (let i = 0, k = 0; i<n; i++) {
    const time = begin+i*step;
    while (k<seconds.length-1 && seconds[k+1]<=time) k++;
    const last = k===seconds.length-1;
    out.push(between(clip, last ? k : k+(time-seconds[k])/(seconds[k+1]-seconds[k])));
  }
  return out;
}

// Gaps in time are closed by straight lines, the ends by the nearest frame; what is never seen stays missing.
export function fillGaps(clip) {
  const out = clip.map(frame => frame.slice()), points = clip[0].length/2;
  for (let k = 0; k<points; k++) {
    const there = clip.flatMap((frame, t) => seen(frame, k) ? [t] : []);
    if (!there.length) { out.forEach(frame => frame.fill(NaN, 2*k, 2*k+2)); continue; }
    let next = 0; // the first frame of `there` that is not before t
    clip.forEach((_, t) => {
      while (next<there.length && there[next]<t) next++;
      if (there[next]===t) return;
      const b = there[Math.min(next, there.length-1)], a = next ? there[next-1] : b;
      const share = a===b ? 0 : (t-a)/(b-a);
      for (const d of [2*k, 2*k+1]) out[t][d] = clip[a][d]+share*(clip[b][d]-clip[a][d]);
    });
  }
  return out;
}

// Origin and unit of the body: mid-shoulder and shoulder width, or stand-ins from nose and hands.
function bodyFrame(clip, about) {
  const {LEFT_SHOULDER: left, RIGHT_SHOULDER: right, NOSE: nose} = about.place;
  const whole = about.groups.body.filter(k => clip.every(frame => seen(frame, k)));
  const range = d => {
    let low = Infinity, high = -Infinity;
    for (const frame of clip) for (const k of whole) {
      low = Math.min(low, frame[2*k+d]);
      high = Math.max(high, frame[2*k+d]);
    }
    return high-low;
  };
  const middle = point => [0, 1].map(d => single(median(clip.map(frame => point(frame, d)))));
  if (left!==undefined && right!==undefined) {
    const width = single(median(clip.map(frame => single(distance(frame, left, right)))));
    if (width>.05*Math.max(range(0), range(1)))
      return [middle((frame, d) => single(single(frame[2*left+d]+frame[2*right+d])/2)), width];
  }
  const mean = (frame, d) => single(whole.reduce((sum, k) => sum+frame[2*k+d], 0)/whole.length);
  const origin = middle(whole.includes(nose) ? (frame, d) => frame[2*nose+d] : mean);
  const far = clip.map(frame => Math.max(...whole.map(k => Math.hypot(frame[2*k]-origin[0], frame[2*k+1]-origin[1]))));
  const reach = quantile(far, .9)/NOSE_TO_HAND;
  return [origin, reach>0 ? reach : 1];
}

// Origin of a hand in every frame, and its unit: the length of its palm.
function partFrame(clip, [middle, [a, b]]) {
  const mean = (frame, d) => middle.reduce((sum, k) => sum+frame[2*k+d], 0)/middle.length;
  const size = single(median(clip.map(frame => single(distance(frame, a, b)))));
  return [clip.map(frame => [single(mean(frame, 0)), single(mean(frame, 1))]), size>0 ? size : 1];
}

// Each part of the body in its own frame: gaps filled, x and y in one unit, measured by shoulders and palms.
export function bodyUnits(clip, aspect, about) {
  const filled = fillGaps(clip), out = filled.map(frame => new Float32Array(frame.length).fill(NaN));
  if (aspect) for (const frame of filled) for (let i = 0; i<frame.length; i += 2) frame[i] *= single(aspect);
  for (const [group, places] of Object.entries(about.groups)) {
    const [origin, unit] = group==='body' ? bodyFrame(filled, about) : partFrame(filled, about.anchors[group]);
    filled.forEach((frame, t) => {
      const o = group==='body' ? origin : origin[t];
      for (const k of places) for (const d of [0, 1]) out[t][2*k+d] = single(frame[2*k+d]-o[d])/unit;
    });
  }
  return out;
}

// Change of the paths [x, y] of a point a frame, averaged over three frames.
function smoothSpeed(path) {
  if (path.length===1) return [[0, 0]];
  const last = path.length-1, clamp = t => Math.min(Math.max(t, 0), last);
  const speed = path.map((_, t) => [0, 1].map(d =>
    (path[clamp(t+1)][d]-path[clamp(t-1)][d])/(clamp(t+1)-clamp(t-1))));
  return speed.map((_, t) => [0, 1].map(d => (speed[clamp(t-1)][d]+speed[t][d]+speed[clamp(t+1)][d])/3));
}

// Distances and directions between nose and wrists, speed of the wrists and where they move: 15 numbers a frame.
export function handGeometry(body, about) {
  const at = k => body.map(frame => seen(frame, k) ? [frame[2*k], frame[2*k+1]] : [0, 0]);
  const {NOSE, LEFT_WRIST, RIGHT_WRIST} = about.place, nose = at(NOSE), left = at(LEFT_WRIST), right = at(RIGHT_WRIST);
  const fast = [smoothSpeed(left), smoothSpeed(right)], minus = (a, b) => [single(a[0]-b[0]), single(a[1]-b[1])];
  const described = (ways, blurred) => {
    const lengths = ways.map(([x, y]) => Math.hypot(x, y));
    return [...lengths, ...ways.flatMap(([x, y], i) => [x/(lengths[i]+blurred), y/(lengths[i]+blurred)])];
  };
  return body.map((_, t) => [
    ...described([minus(left[t], nose[t]), minus(right[t], nose[t]), minus(left[t], right[t])], .1),
    ...described([fast[0][t], fast[1][t]], .03)]);
}

// One row of numbers a frame: the points, how they changed, and the geometry of the hands, as the model wants them.
export function flatten(body, about) {
  const x = body.map(frame => frame.map(value => Number.isNaN(value) ? 0 : value));
  const geometry = about.geometry ? handGeometry(body, about) : null;
  return x.map((row, t) => Float32Array.from([
    ...row,
    ...(about.velocity ? row.map((value, i) => value-x[Math.max(t-1, 0)][i]) : []),
    ...(geometry ? geometry[t] : [])]));
}

// Why a clip can't be read, or null.
export function fault(clip, about) {
  const body = about.groups.body;
  if (!clip.some(frame => body.some(k => seen(frame, k)))) return 'nobody was found in it';
  const there = about.head.some(k => clip.some(frame => seen(frame, k)));
  const head = there ? about.head : Array.from({length: clip[0].length/2}, (_, k) => k);
  const middle = d => median(head.flatMap(k => clip.flatMap(frame => seen(frame, k) ? [frame[2*k+d]] : [])));
  const outside = value => !(value>-.25 && value<1.25);
  return outside(middle(0)) || outside(middle(1)) ? 'the head and the shoulders are outside the picture' : null;
}

// What the model reads of a clip (frames x numbers, row after row), standardised.
export function modelInput(clip, about, aspect = null) {
  const known = clip.map(frame => frame.map((value, i) => about.known[i>>1] ? value : NaN)), why = fault(known, about);
  if (why) throw new Error(why);
  const rows = flatten(bodyUnits(known, about.one_unit ? aspect || about.aspect : null, about), about);
  const {mean, std} = about, width = mean.length, out = new Float32Array(rows.length*width);
  rows.forEach((row, t) => row.forEach((value, i) => {
    out[t*width+i] = Math.min(5, Math.max(-5, single(value-mean[i])/std[i]));
  }));
  return out;
}

// The hands of a body, told apart by its wrists: [[x, y, 1], ...] of left and right, NaN where there is none.
// hands: lists of [x, y]; sides: 'LEFT' or 'RIGHT' of each, as MediaPipe takes it; body: [x, y, visibility].
export function handsOfBody(hands, sides, body, aspect) {
  const far = (a, b) => Math.hypot((a[0]-b[0])*aspect, a[1]-b[1]);
  let own;
  if (WRISTS.some(k => Number.isNaN(body[k][0]))) own = ['LEFT', 'RIGHT'].map(side => sides.indexOf(side));
  else {
    const reach = REACH*Math.max(...LENGTHS.map(([a, b]) => far(body[a], body[b])));
    own = nearest(hands.map(hand => WRISTS.map(k => far(hand[0], body[k]))), reach);
  }
  return own.flatMap(k => k<0 ? NOTHING(HAND) : hands[k].map(([x, y]) => [x, y, 1]));
}

// Which hand belongs to each of two wrists, -1 for none; a hand out of reach is worth as much as none.
function nearest(distances, reach) {
  const n = distances.length, none = [reach, reach];
  const cost = [...distances.map(d => d.map(x => Math.min(x, reach))), none, none];
  let best = null, least = Infinity;
  for (let a = 0; a<n+2; a++) for (let b = 0; b<n+2; b++) {
    const both = cost[a][0]+cost[b][1];
    if (a!==b && both<least) { least = both; best = [a, b]; }
  }
  return best.map((k, wrist) => k<n && distances[k][wrist]<reach ? k : -1);
}
