// Samples to overlapping windows, and a short clip to one window.

/** Rounds floats, of which 1 is full scale, to 16 bits: the model has heard no others. */
export function to16Bits(samples) {
  const rounded = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const scaled = Math.max(-1, Math.min(samples[i], 32767 / 32768)) * 32768;
    const below = Math.floor(scaled);
    const half = scaled - below;
    // of two equally near ones the even one, as in NumPy
    const isUp = half > 0.5 || (half === 0.5 && below % 2 !== 0);
    rounded[i] = (below + (isUp ? 1 : 0)) / 32768;
  }
  return rounded;
}

/** Keeps the last window's samples. */
export class Windows {
  /**
   * @param {number} length of a window in samples
   * @param {number} hop from one window to the next in samples
   */
  constructor(length, hop) {
    this.length = length;
    this.hop = hop;
    this.start = 0; // of the next window
    this.held = new Float32Array(0); // samples from there on
  }

  /** Takes samples and returns the windows that they complete, each with its start. */
  push(samples) {
    const held = new Float32Array(this.held.length + samples.length);
    held.set(this.held);
    held.set(samples, this.held.length);
    const windows = [];
    let begin = 0;
    for (; begin + this.length <= held.length; begin += this.hop) {
      windows.push({ start: this.start, samples: held.slice(begin, begin + this.length) });
      this.start += this.hop;
    }
    this.held = held.slice(begin);
    return windows;
  }
}

/**
 * Pads a clip with zeros to a window, so that the model sees it where it has seen such clips.
 *
 * @param {Float32Array} samples no more than the window's
 * @param {number} length of the window
 * @param frontEnd the model's: pad_side, hop_length and audio_length, its image's frames
 */
export function fit(samples, length, frontEnd) {
  const firstFrame = (n) => {
    const excess = 1 + Math.floor(n / frontEnd.hop_length) - frontEnd.audio_length;
    if (excess >= 0) return Math.floor((excess + 1) / 2);
    return frontEnd.pad_side === "both" ? Math.ceil(excess / 2) : 0;
  };
  const before = (firstFrame(length) - firstFrame(samples.length)) * frontEnd.hop_length;
  const fitted = new Float32Array(length);
  fitted.set(samples.subarray(0, length - before), before);
  return fitted;
}
