// Pictures of a film or of the camera, one after the other, and what MediaPipe finds in them.
import {BODY, handsOfBody, NOTHING} from './numbers.js';
import * as vision from './vision.mjs';

// Wait for a thing that happens to a film.
const happens = (video, what) => new Promise((resolve, reject) => {
  video['on'+what] = resolve;
  video.onerror = () => reject(new Error('the browser can\'t decode it: damaged, or cut short'));
});

// The moment of the frame that a film shows at a time; the browser knows it to the microsecond.
export async function frameAt(video, seconds) {
  const arrived = happens(video, 'seeked');
  video.currentTime = seconds;
  await arrived;
  const frame = new VideoFrame(video), moment = frame.timestamp/1e6;
  frame.close();
  return moment;
}

// Every frame of a film in turn: its time from the first one. No browser tells when the next frame comes, so the film
// is asked again and again, after half of the shortest time that has lain between two frames so far.
export async function* filmFrames(video, first) {
  let last = first, step = 1/240;
  yield 0;
  for (let probe = first+step; probe<video.duration; probe += step) {
    const moment = await frameAt(video, probe);
    if (moment<=last) continue;
    step = last===first ? .51*(moment-last) : Math.min(step, .51*(moment-last));
    last = probe = moment;
    yield moment-first;
  }
}

// Open a film in a video element, with the moment of its first frame; an error where the browser can't show it.
export async function openFilm(video, file) {
  if (video.src) URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(file);
  const kinds = 'It shows H.264, VP9 and AV1; other films can be converted: ffmpeg -i FILM -c:v libx264 new.mp4';
  const refuse = why => { throw new Error(`${file.name}: ${why}. ${kinds}`); };
  try { await happens(video, 'loadeddata'); }
  catch { refuse('not a film that this browser can show'); }
  if (!video.videoWidth) refuse('no film in it, only sound');
  if (!Number.isFinite(video.duration)) refuse('its length is not known');
  return frameAt(video, 0);
}

// Pictures of the camera at its own rate, for some seconds or until `stopped()`: kept now, looked at later, so that a
// slow machine misses none. What the browser left out is counted.
export async function recordCamera(video, seconds, stopped, onFrame) {
  const pictures = [], times = [];
  let before = null, missed = 0;
  while (!stopped() && (!times.length || times.at(-1)-times[0]<seconds)) {
    const [now, data] = await new Promise(resolve => video.requestVideoFrameCallback((...both) => resolve(both)));
    if (before!==null) missed += data.presentedFrames-before-1;
    before = data.presentedFrames;
    const time = (data.captureTime ?? now)/1000;
    if (times.length && time<=times.at(-1)) continue;
    times.push(time);
    pictures.push(createImageBitmap(video));
    onFrame(time-times[0]);
  }
  return {pictures: await Promise.all(pictures), seconds: times.map(t => t-times[0]), missed};
}

// Follows the body and, where the model reads them, the hands of one person through one clip.
export class Tracker {
  static async open(about) {
    const files = {wasmLoaderPath: '/vision_wasm.js', wasmBinaryPath: '/vision_wasm.wasm'};
    const make = (kind, path, options) => kind.createFromOptions(files,
      {baseOptions: {modelAssetPath: path, delegate: 'CPU'}, runningMode: 'VIDEO', ...options});
    const body = await make(vision.PoseLandmarker, '/pose.task', {numPoses: 1});
    return new Tracker(about, body, about.hands ? await make(vision.HandLandmarker, '/hand.task', {numHands: 2}) : null);
  }

  constructor(about, body, hands) { Object.assign(this, {about, body, hands, last: -1}); }

  // [x, y, visibility] of each point in the next picture, NaN where nobody was found.
  look(picture, seconds) {
    this.last = Math.max(this.last+1, Math.round(1000*seconds));
    const found = this.body.detectForVideo(picture, this.last).landmarks[0];
    const body = found ? found.map(p => [p.x, p.y, p.visibility]) : NOTHING(BODY);
    if (!this.hands) return body;
    const {landmarks, handedness} = this.hands.detectForVideo(picture, this.last);
    const hands = landmarks.map(hand => hand.map(p => [p.x, p.y])), sides = handedness.map(h => h[0].categoryName.toUpperCase());
    return [...body, ...handsOfBody(hands, sides, body, picture.width/picture.height)];
  }

  close() {
    this.body.close();
    this.hands?.close();
  }
}
