// The player of a report. The clips are JSON in the page; draw.js comes before this file.
const clips = JSON.parse(document.getElementById('clips').textContent);
const part = id => document.getElementById(id);
const LANE = 28, ROW = 18, AXIS = 20, LOST = -32768; // heights in pixels; the number of a point that was not seen
const state = {clip: null, time: 0, playing: false, before: 0};

function bytes(text) { return Uint8Array.from(atob(text), c => c.charCodeAt(0)); }

// Numbers of a clip as they are drawn from; each clip is unpacked once.
function unpack(clip) {
  if (clip.points) return clip;
  const view = new DataView(bytes(clip.landmarks).buffer), width = 2*clip.count;
  const number = i => { const v = view.getInt16(2*i, true); return v===LOST ? NaN : v/clip.unit; };
  clip.points = Array.from({length: clip.frames}, (_, t) =>
    Array.from({length: clip.count}, (_, k) => [number(t*width+2*k), number(t*width+2*k+1)]));
  if (clip.map) clip.map.bytes = bytes(clip.map.values);
  return clip;
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue('--'+name).trim(); }

function element(tag, text, name) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

// What does not move: names, glosses in time, the map and the axis.
function drawLines() {
  const clip = state.clip, rows = clip.map ? clip.map.names.length : 0, names = part('names');
  names.replaceChildren(...clip.lanes.map(lane => element('div', lane.name)), ...(clip.map ? clip.map.names : []).map(n => element('div', n)));
  [...names.children].forEach((box, i) => {
    const height = i<clip.lanes.length ? LANE : ROW;
    box.style.height = box.style.lineHeight = height+'px';
    box.title = box.textContent;
  });
  const width = part('lines').parentElement.clientWidth, top = LANE*clip.lanes.length, height = top+ROW*rows+AXIS;
  const context = fitCanvas(part('lines'), width, height);
  fitCanvas(part('cursor'), width, height);
  clip.lanes.forEach((lane, i) => {
    context.save();
    context.translate(0, i*LANE);
    drawGlosses(context, lane.spans, 0, clip.seconds, width, LANE);
    context.restore();
  });
  if (rows) {
    context.save();
    context.translate(clip.begin/clip.seconds*width, top);
    drawHeat(context, clip.map.bytes, rows, clip.map.columns, width*clip.map.columns*clip.map.step/clip.seconds, ROW*rows, colour('paper'), colour('full'));
    context.restore();
  }
  drawAxis(context, width, height-AXIS);
}

// Whole seconds; so many that their numbers have room.
function drawAxis(context, width, top) {
  const every = Math.max(1, Math.ceil(state.clip.seconds*34/width));
  context.fillStyle = colour('soft');
  context.font = '11px system-ui, sans-serif';
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (let s = 0; s<state.clip.seconds; s += every) {
    const x = s/state.clip.seconds*width;
    context.fillRect(x, top, 1, 6);
    if (x+28<width) context.fillText(s+' s', x+3, top+11);
  }
}

// What moves: the skeleton, the cursor, the clock, and which gloss is now.
function drawNow() {
  const clip = state.clip, size = part('skeleton').parentElement.clientWidth-2;
  const frame = Math.max(0, Math.min(clip.frames-1, Math.floor((state.time-clip.begin)*clip.fps+1e-6)));
  drawSkeleton(fitCanvas(part('skeleton'), size, size), clip.points[frame], clip.links, size, size);
  const cursor = part('cursor'), width = cursor.clientWidth, context = cursor.getContext('2d');
  context.clearRect(0, 0, width, cursor.clientHeight);
  drawCursor(context, state.time/clip.seconds*width, cursor.clientHeight, colour('cursor'));
  part('seek').value = state.time;
  part('clock').textContent = `${state.time.toFixed(2)} of ${clip.seconds.toFixed(2)} s`;
  for (const item of document.querySelectorAll('.pairs li')) {
    item.classList.toggle('now', item.dataset.start<=state.time && state.time<item.dataset.end);
  }
}

// Words about a clip: where it comes from, each pair of the alignment, notes.
function tell(clip) {
  const about = part('about'), list = element('ol', '', 'pairs');
  for (const {text, wrong, start, end} of clip.pairs) {
    const item = element('li', text, wrong ? 'wrong' : '');
    if (start!==null) Object.assign(item.dataset, {start, end});
    list.append(item);
  }
  about.replaceChildren(element('p', clip.about), list, ...clip.notes.map(note => element('p', note, 'small')));
  part('lines').setAttribute('aria-label', 'Glosses in time; the list below says the same. '+(clip.map ? 'Under them the probability of each gloss over time.' : ''));
}

function choose(index) {
  stop();
  const which = part('which'), film = part('film');
  which.selectedIndex = (index+clips.length)%clips.length;
  state.clip = unpack(clips[which.selectedIndex]);
  film.hidden = !state.clip.film;
  if (state.clip.film) film.src = state.clip.film;
  else if (film.hasAttribute('src')) { film.removeAttribute('src'); film.load(); }
  part('seek').max = state.clip.seconds;
  part('seek').step = 1/state.clip.fps;
  tell(state.clip);
  drawLines();
  seek(0);
}

function seek(time) {
  state.time = Math.min(Math.max(time, 0), state.clip.seconds);
  if (state.clip.film) part('film').currentTime = state.time;
  drawNow();
}

function play() {
  if (state.time>=state.clip.seconds-.5/state.clip.fps) seek(0);
  state.playing = true;
  state.before = performance.now();
  part('play').textContent = 'Stop';
  part('play').setAttribute('aria-label', 'Stop');
  if (state.clip.film) {
    part('film').playbackRate = Number(part('speed').value);
    part('film').play().catch(() => {}); // a film that doesn't play leaves the skeleton its clock
  }
  requestAnimationFrame(step);
}

function stop() {
  state.playing = false;
  part('film').pause();
  part('play').textContent = 'Play';
  part('play').setAttribute('aria-label', 'Play');
}

// The film, where there is one and it runs, is the clock.
function step(now) {
  if (!state.playing) return;
  const film = part('film');
  if (state.clip.film && !film.paused) state.time = Math.min(film.currentTime, state.clip.seconds);
  else state.time += Math.max(0, now-state.before)/1000*Number(part('speed').value);
  state.before = now;
  if (state.time>=state.clip.seconds || state.clip.film && film.ended) { state.time = state.clip.seconds; stop(); }
  drawNow();
  requestAnimationFrame(step);
}

function toggle() { state.playing ? stop() : play(); }

function key(event) {
  const field = event.target.closest('select, input'), button = event.target.closest('button');
  if (event.ctrlKey || event.metaKey || event.altKey || field && field.id!=='seek') return;
  const inside = part('player').contains(event.target), frame = 1/state.clip.fps;
  const actions = {n: () => choose(part('which').selectedIndex+1), p: () => choose(part('which').selectedIndex-1)};
  if (!button) actions[' '] = toggle;
  if (!field) Object.assign(actions, {ArrowLeft: () => seek(state.time-frame), ArrowRight: () => seek(state.time+frame)});
  if (!field && inside) Object.assign(actions, {ArrowDown: actions.n, ArrowUp: actions.p});
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

function seekByPointer(event) {
  if (event.type==='pointermove' && !event.buttons) return;
  const box = part('lines').getBoundingClientRect();
  seek((event.clientX-box.left)/box.width*state.clip.seconds);
}

function start() {
  const groups = {};
  for (const [i, clip] of clips.entries()) {
    const option = element('option', clip.title), name = clip.group;
    option.value = i;
    if (!name) { part('which').append(option); continue; }
    if (!groups[name]) {
      groups[name] = document.createElement('optgroup');
      groups[name].label = name;
      part('which').append(groups[name]);
    }
    groups[name].append(option);
  }
  part('which').addEventListener('change', () => choose(part('which').selectedIndex));
  part('next').addEventListener('click', () => choose(part('which').selectedIndex+1));
  part('previous').addEventListener('click', () => choose(part('which').selectedIndex-1));
  part('play').addEventListener('click', toggle);
  part('speed').addEventListener('change', () => { part('film').playbackRate = Number(part('speed').value); });
  part('seek').addEventListener('input', () => seek(Number(part('seek').value)));
  for (const name of ['pointerdown', 'pointermove']) part('lines').addEventListener(name, seekByPointer);
  document.addEventListener('keydown', key);
  const redraw = () => { drawLines(); drawNow(); };
  new ResizeObserver(redraw).observe(part('lines').parentElement.parentElement);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  choose(0);
}

start();
