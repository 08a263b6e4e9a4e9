// Pictures of a film or of the camera, one after the other, and what MediaPipe finds in them.
import {BODY, handsOfBody, NOTHING} from './numbers.js';
import * as vision from './vision.mjs';
import {ALL_FORMATS, BlobSource, Input, VideoSampleSink} from './mediabunny.mjs';

// A film: its length, the time of its first frame, and its frames in turn, each with its own time from the first one.
// An error where the browser can't decode it.
export async function openFilm(file) {
  const convert = 'others can be converted: ffmpeg -i FILM -c:v libx264 new.mp4';
  const kinds = `H.264, VP8, VP9 and AV1 can be read here; ${convert}`;
  const refuse = why => { throw new Error(`${file.name}: ${why}. ${kinds}`); };
  const input = new Input({formats: ALL_FORMATS, source: new BlobSource(file)});
  const track = await input.getPrimaryVideoTrack().catch(() => refuse('not a film, or a damaged one'));
  if (!track) refuse('no pictures are found in it: only sound, or cut short');
  if (!await track.canDecode()) {
    const codec = await track.getCodec();
    refuse(`this browser can't decode its pictures${codec ? ` (${codec})` : ''}`);
  }
  const length = await track.computeDuration(), first = await track.getFirstTimestamp();
  return {length: length-first, first, pictures: filmPictures(track, first, file.name)};
}

async function* filmPictures(track, first, name) {
  const canvas = document.createElement('canvas'), pen = canvas.getContext('2d', {willReadFrequently: true});
  let time = 0;
  try {
    for await (const sample of new VideoSampleSink(track).samples()) {
      const {displayWidth: width, displayHeight: height} = sample;
      if (canvas.width!==width || canvas.height!==height) Object.assign(canvas, {width, height});
      sample.draw(pen, 0, 0, width, height);
      time = sample.timestamp-first;
      sample.close();
      yield {picture: canvas, time};
    }
  } catch (e) { throw new Error(`${name}: can't be decoded after ${time.toFixed(1)} s: damaged, or cut short`); }
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
    const hands = about.hands ? await make(vision.HandLandmarker, '/hand.task', {numHands: 2}) : null;
    return new Tracker(body, hands);
  }

  constructor(body, hands) { Object.assign(this, {body, hands, last: -1}); }

  // [x, y, visibility] of each point in the next picture, NaN where nobody was found.
  look(picture, seconds) {
    this.last = Math.max(this.last+1, Math.round(1000*seconds));
    const found = this.body.detectForVideo(picture, this.last).landmarks[0];
    const body = found ? found.map(p => [p.x, p.y, p.visibility]) : NOTHING(BODY);
    if (!this.hands) return body;
    const {landmarks, handedness} = this.hands.detectForVideo(picture, this.last);
    const hands = landmarks.map(hand => hand.map(p => [p.x, p.y]));
    const sides = handedness.map(h => h[0].categoryName.toUpperCase());
    return [...body, ...handsOfBody(hands, sides, body, picture.width/picture.height)];
  }

  close() {
    this.body.close();
    this.hands?.close();
  }
}
