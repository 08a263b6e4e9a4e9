// The page: a film or the camera in, a moving skeleton and glosses out.
import {Recognizer} from './recognizer.js';
import {openFilm, recordCamera, Tracker} from './pictures.js';

const CAMERA_SECONDS = 8;
const $ = id => document.getElementById(id);
const video = $('video'), stage = $('stage'), pen = stage.getContext('2d');
let recognizer, busy = false, stopped = false, clip = null;

const element = (kind, text = '') => Object.assign(document.createElement(kind), {textContent: text});
const say = text => { $('status').textContent = text; };
const fail = text => { $('error').textContent = text; $('error').hidden = !text; };

// A picture on the stage, and what was found in it. `picture` may be a film, a canvas or a kept picture.
function show(picture, points) {
  const width = picture.videoWidth || picture.width, height = picture.videoHeight || picture.height;
  if (stage.width!==width || stage.height!==height) Object.assign(stage, {width, height});
  pen.drawImage(picture, 0, 0, width, height);
  const read = (points || []).map(p => p[2]>=.1 ? p : null); // what the model reads: others are hidden
  drawSkeleton(pen, read, recognizer.about.links, width, height);
}

// Landmarks of pictures that come one after the other: {picture, time}.
async function follow(pictures, about, progress) {
  const tracker = await Tracker.open(about), landmarks = [], seconds = [];
  let aspect = null;
  try {
    for await (const {picture, time} of pictures) {
      landmarks.push(tracker.look(picture, time));
      seconds.push(time);
      aspect = picture.width/picture.height;
      show(picture, landmarks.at(-1));
      progress(seconds);
      if (!document.hidden) await new Promise(resolve => setTimeout(resolve)); // the page lives on
      if (stopped) break;
    }
  } finally { tracker.close(); }
  if (!seconds.length) throw new Error('There is no picture to read.');
  const span = seconds.at(-1)-seconds[0];
  return {landmarks, seconds, fps: span>0 ? (seconds.length-1)/span : 25, aspect};
}

// Reads pictures and shows what they say. player: {picture(), time(), seek(time), play(), pause()}.
async function read(pictures, player, length, notes = []) {
  $('result').hidden = false;
  $('player').hidden = true;
  const parts = recognizer.about.hands ? 'body and hands' : 'body';
  const far = seconds => `${seconds.at(-1).toFixed(1)} of ${length.toFixed(1)} s`;
  const progress = seconds => say(`Looking for ${parts}: ${seconds.length} pictures, ${far(seconds)}`);
  say(`Loading what finds ${parts} …`);
  const found = await follow(pictures, recognizer.about, progress);
  if (stopped) notes.push(`Stopped after ${far(found.seconds)}: the rest was not read.`);
  const result = await recognizer.recognize(found);
  clip = {...found, ...result, notes: [...notes, ...result.notes], player};
  say(`${found.seconds.length} pictures read.`);
  await tell();
  return clip;
}

async function readFilm(file) {
  const {length, first, pictures} = await openFilm(file);
  if (video.src) URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(file); // to play it afterwards
  const seek = time => new Promise((resolve, reject) => {
    video.onseeked = resolve;
    video.onerror = () => reject(new Error(`${file.name}: this browser can read it, but not play it.`));
    video.currentTime = first+time+1e-4; // behind the border between two frames
  });
  const time = () => Math.max(0, video.currentTime-first);
  const player = {picture: () => video, time, seek, play: () => video.play(), pause: () => video.pause()};
  return read(pictures, player, length);
}

// Kept pictures as a film of its own.
function keptPlayer({pictures, seconds}) {
  let at = 0, since = null;
  const time = () => Math.min(since===null ? at : at+(performance.now()-since)/1000, seconds.at(-1));
  return {
    time, picture: () => pictures[frameOf(time(), seconds)],
    seek: async to => { at = to; if (since!==null) since = performance.now(); },
    play: () => { since = performance.now(); },
    pause: () => { at = time(); since = null; }};
}

async function openCamera() {
  const wanted = {video: {width: {ideal: 640}, height: {ideal: 480}}, audio: false};
  try { return await navigator.mediaDevices.getUserMedia(wanted); }
  catch (e) {
    const why = {NotFoundError: 'no camera was found', NotReadableError: 'another program is using it',
      NotAllowedError: 'this page may not use it; allow it in the browser'};
    throw new Error(`Camera: ${why[e.name] || e.message}. A film can be read all the same.`);
  }
}

async function readCamera() {
  const stream = await openCamera();
  let kept;
  try {
    if (video.src) URL.revokeObjectURL(video.src);
    video.removeAttribute('src');
    video.srcObject = stream;
    await video.play();
    $('result').hidden = false;
    $('player').hidden = true;
    kept = await recordCamera(video, CAMERA_SECONDS, () => stopped, time => {
      show(video);
      say(`Recording: ${time.toFixed(1)} of ${CAMERA_SECONDS} s`);
    });
  } finally {
    stream.getTracks().forEach(track => track.stop());
    video.srcObject = null;
  }
  stopped = false; // that ended the recording, which is read now
  if (!kept.pictures.length) throw new Error('Camera: stopped before the first picture came.');
  const notes = kept.missed ? [`The browser left out ${kept.missed} pictures of the camera.`] : [];
  const pictures = kept.pictures.map((picture, k) => ({picture, time: kept.seconds[k]}));
  return read(pictures, keptPlayer(kept), kept.seconds.at(-1), notes);
}

// The number of the frame that is shown at a time.
function frameOf(time, seconds) {
  let k = 0;
  while (k<seconds.length-1 && seconds[k+1]<=time+1e-4) k++;
  return k;
}

// Sentence, table and notes of what was read.
async function tell() {
  $('player').hidden = false;
  $('sentence').textContent = clip.glosses.map(g => g.gloss).join(' ') || '(nothing)';
  $('glosses').replaceChildren(...clip.glosses.map(({gloss, start, end, score}) => {
    const row = element('tr'), meter = Object.assign(element('meter'), {value: score});
    const texts = [gloss, start.toFixed(2)+' s', end.toFixed(2)+' s', Math.round(100*score)+' %'];
    row.append(...texts.map(text => element('td', text)));
    meter.setAttribute('aria-hidden', 'true');
    row.lastChild.append(meter);
    return row;
  }));
  $('notes').replaceChildren(...clip.notes.map(text => element('li', text)));
  $('position').max = clip.seconds.at(-1);
  await clip.player.seek(0);
  update();
}

// Picture, skeleton, glosses in time and position, as they are now.
function update() {
  const time = clip.player.time(), k = frameOf(time, clip.seconds), end = clip.seconds.at(-1)+1/clip.fps;
  show(clip.player.picture(), clip.landmarks[k]);
  const width = $('time').parentElement.clientWidth, context = fitCanvas($('time'), width, 30);
  context.clearRect(0, 0, width, 30);
  drawGlosses(context, clip.glosses, 0, end, width, 30);
  drawCursor(context, time/end*width, 30, getComputedStyle(document.body).color);
  $('position').value = time;
  $('moment').textContent = time.toFixed(2)+' s';
  clip.glosses.forEach((g, i) => {
    $('glosses').rows[i].ariaCurrent = g.start<=time && time<g.end ? 'true' : null;
  });
}

let playing = false;
function run() {
  if (!playing) return;
  update();
  if (clip.player.time()>=clip.seconds.at(-1)) halt();
  else requestAnimationFrame(run);
}

function halt() {
  if (!playing) return;
  playing = false;
  clip.player.pause();
  $('play').textContent = 'Play';
}

$('play').onclick = async () => {
  if (playing) return halt();
  if (clip.player.time()>=clip.seconds.at(-1)-1e-3) await clip.player.seek(0);
  playing = true;
  $('play').textContent = 'Pause';
  await clip.player.play();
  run();
};
$('position').oninput = async () => { await clip.player.seek(Number($('position').value)); update(); };
$('stop').onclick = () => { stopped = true; };

// One thing at a time; what goes wrong is said.
async function begin(work) {
  if (!recognizer) return null;
  if (busy) return fail('One thing at a time: wait, or stop what goes on.');
  halt();
  fail('');
  busy = true;
  stopped = false;
  $('file').disabled = $('camera').disabled = true;
  $('stop').hidden = false;
  try { return await work(); }
  catch (e) {
    say('');
    $('result').hidden = true;
    fail(e.message);
    return null;
  } finally {
    busy = false;
    $('file').disabled = $('camera').disabled = false;
    $('stop').hidden = true;
  }
}

$('file').onchange = () => {
  const [file] = $('file').files;
  $('file').value = '';
  if (file) begin(() => readFilm(file));
};
$('camera').textContent = `Record ${CAMERA_SECONDS} seconds`;
$('camera').onclick = () => begin(readCamera);
document.ondragover = event => { event.preventDefault(); document.body.classList.add('dropping'); };
document.ondragleave = () => document.body.classList.remove('dropping');
document.ondrop = event => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  const [file] = event.dataTransfer.files;
  if (file) begin(() => readFilm(file));
};
window.onresize = () => { if (clip && !$('player').hidden) update(); };

// What the page knows of the model, in words.
function introduce(about) {
  $('model').textContent = about.name;
  $('card').replaceChildren(...about.card.map(text => element('p', text)));
}

async function start() {
  if (!('VideoDecoder' in window)) throw new Error("This browser can't decode films frame by frame; a newer one can.");
  recognizer = await Recognizer.load();
  introduce(recognizer.about);
  $('file').disabled = $('camera').disabled = false;
  say('Ready.');
}

// For programs: landmarks in, glosses out (see recognizer.js); and what was read last.
const ready = start().catch(e => { say(''); fail(e.message); throw e; });
window.slr = {
  ready,
  recognize: async clip => { await ready; return recognizer.recognize(clip); },
  get clip() { return clip && {...clip, player: undefined}; }};
