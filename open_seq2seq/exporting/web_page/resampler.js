// Another sample rate, for browsers that give the microphone at its own rate alone.

const ZERO_CROSSINGS = 32; // on each side
const PASSBAND = 0.92; // of the lower of the two Nyquist frequencies
const KAISER_BETA = 9; // 90 dB

/** A windowed sinc, in chunks of any size: the output does not depend on them. */
export class Resampler {
  /**
   * @param {number} from rate of the samples in Hz
   * @param {number} to rate wanted in Hz
   */
  constructor(from, to) {
    const divisor = gcd(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    // in cycles for each sample of the input
    this.cutoff = (0.5 * (1 + PASSBAND) * Math.min(1, to / from)) / 2;
    this.halfWidth = Math.ceil(ZERO_CROSSINGS / (2 * this.cutoff));
    this.kernels = new Map(); // by phase
    this.held = new Float32Array(this.halfWidth); // silence before the stream
    this.first = -this.halfWidth; // number of the first sample held
    this.nOut = 0;
  }

  /** Takes samples and returns those that can be computed now, Float32Array. */
  push(samples) {
    const held = new Float32Array(this.held.length + samples.length);
    held.set(this.held);
    held.set(samples, this.held.length);
    const end = this.first + held.length;
    const out = [];
    let position = Math.floor((this.nOut * this.down) / this.up);
    while (position + this.halfWidth < end) {
      const kernel = this.kernel((this.nOut * this.down) % this.up);
      const begin = position - this.halfWidth + 1 - this.first;
      let sum = 0;
      for (let i = 0; i < kernel.length; i++) sum += kernel[i] * held[begin + i];
      out.push(sum);
      this.nOut += 1;
      position = Math.floor((this.nOut * this.down) / this.up);
    }
    const begin = position - this.halfWidth + 1;
    this.held = held.slice(begin - this.first);
    this.first = begin;
    return Float32Array.from(out);
  }

  /** Returns weights of the samples around an output that lies phase / up behind one. */
  kernel(phase) {
    let kernel = this.kernels.get(phase);
    if (kernel === undefined) {
      kernel = new Float64Array(2 * this.halfWidth).map((_, i) => {
        const distance = i - this.halfWidth + 1 - phase / this.up;
        return sinc(2 * this.cutoff * distance) * kaiser(distance / this.halfWidth);
      });
      const sum = kernel.reduce((a, b) => a + b);
      kernel = kernel.map((weight) => weight / sum);
      this.kernels.set(phase, kernel);
    }
    return kernel;
  }
}

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** The Kaiser window at x between -1 and 1, not scaled. */
function kaiser(x) {
  return bessel0(KAISER_BETA * Math.sqrt(Math.max(0, 1 - x * x)));
}

/** The modified Bessel function of the first kind and order 0, by its series. */
function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
