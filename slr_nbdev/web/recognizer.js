// From landmarks to glosses with times and scores: what `Recognizer` of 52_recognition does in Python.
import {asClip, BODY, modelInput, resample} from './numbers.js';
import {decode, rounded, timedSpans} from './decoding.js';
import * as ort from './ort.mjs';

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = {wasm: '/ort.wasm'};

const somebody = frame => frame.slice(0, BODY).some(([x]) => Number.isFinite(x));

export class Recognizer {
  static async load() {
    const about = await (await fetch('/model.json')).json();
    return new Recognizer(about, await ort.InferenceSession.create('/model.onnx', {executionProviders: ['wasm']}));
  }

  constructor(about, session) { Object.assign(this, {about, session}); }

  // Log-probabilities of the classes at each step of a clip.
  async logProbs(clip, aspect) {
    const input = modelInput(clip, this.about, aspect), frames = clip.length;
    const features = new ort.Tensor('float32', input, [1, frames, input.length/frames]);
    const lengths = new ort.Tensor('int32', Int32Array.of(frames), [1]);
    const {log_probs: {data, dims: [steps, , classes]}} = await this.session.run({features, lengths});
    return Array.from({length: steps}, (_, t) => Array.from(data.subarray(t*classes, (t+1)*classes)));
  }

  // The clip at the frame rate of training, its rate, and what was done.
  atTrainedRate(clip, seconds, fps) {
    const trained = this.about.fps, shown = x => Number(x.toPrecision(3));
    if (!trained) {
      const taken = `the ${shown(fps)} frames a second of this clip are taken as they are`;
      return [clip, fps, `The frame rate of the training data is not known: ${taken}.`];
    }
    const gaps = seconds.slice(1).map((time, t) => time-seconds[t]).sort((a, b) => a-b);
    const uneven = gaps.length>1 && gaps.at(-1)-gaps[0]>.5/fps;
    if (Math.abs(fps/trained-1)<.02 && !uneven) return [clip, fps, null];
    return [resample(clip, seconds, trained), trained,
      `${shown(fps)} frames a second${uneven ? ' at uneven times' : ''}, training had ${shown(trained)}: resampled.`];
  }

  shapeNote(aspect) {
    if (this.about.one_unit || aspect===null) return null;
    return "The shape of the training data's pictures is not known: films of another shape are read badly.";
  }

  absenceNote(landmarks) {
    const found = landmarks.filter(somebody).length, share = 1-found/landmarks.length;
    if (!found) return 'Nobody was found in the picture: nothing can be recognised.';
    return share>.2 ? `Nobody was found in ${Math.round(100*share)} % of the frames.` : null;
  }

  // landmarks: [x, y, visibility] of each point of each frame, x and y as fractions of the picture, NaN or null where
  // it is missing; seconds: when each frame is shown; aspect: width / height of the picture, null where it is not known.
  async recognize({landmarks, seconds, fps, aspect = null}) {
    const {about} = this;
    const [clip, rate, note] = this.atTrainedRate(asClip(landmarks, about), seconds, fps);
    const notes = [this.absenceNote(landmarks), note, this.shapeNote(aspect)].filter(Boolean);
    if (!landmarks.some(somebody)) return {glosses: [], notes};
    const rows = await this.logProbs(clip, aspect), sentence = decode(rows, about);
    const spans = timedSpans(rows, sentence, about.frames_per_step, clip.length, about.temperature);
    const time = frame => rounded(seconds[0]+frame/rate, 3);
    const glosses = sentence.map((c, i) => {
      const [start, end, score] = spans[i];
      return {gloss: about.vocabulary[c], start: time(start), end: time(end), score: rounded(score, 4)};
    });
    return {glosses, notes};
  }
}
