// Sound in, probabilities and events out.

import { EventDetector } from "./events.js";
import { to16Bits, Windows } from "./windows.js";

const MOST_WAITING = 5; // windows of a microphone; later ones are left out until there are fewer

/** Windows of a stream through the model and the rules of events. */
export class Listener {
  /**
   * @param model has `description`, `nWaiting` and `probabilities`
   * @param settings {thresholds: (number|null)[], smoothing, min_gap_s, hop_s}
   * @param onWindow takes {start, end, averages, events, ms} of each window, times in seconds
   * @param {boolean} isLive whether windows are left out where the model is too slow
   */
  constructor(model, settings, onWindow, isLive) {
    const { clip_samples, sample_rate } = model.description;
    this.model = model;
    this.onWindow = onWindow;
    this.isLive = isLive;
    this.nSkipped = 0;
    this.told = Promise.resolve(); // once all windows so far are
    this.isStopped = false;
    const hop = Math.max(1, Math.round(settings.hop_s * sample_rate));
    this.windows = new Windows(clip_samples, hop);
    this.configure(settings);
  }

  /** Begins to look for events anew, with other settings. */
  configure({ thresholds, smoothing, min_gap_s }) {
    const { labels } = this.model.description;
    this.events = new EventDetector(labels, thresholds, { smoothing, minGapS: min_gap_s });
  }

  /** Takes samples, Float32Array, and awaits that what they bring is told to `onWindow`. */
  push(samples) {
    for (const window of this.windows.push(to16Bits(samples))) {
      if (this.isLive && this.model.nWaiting >= MOST_WAITING) {
        this.nSkipped += 1;
        continue;
      }
      const answer = this.model.probabilities(window.samples);
      // after the window before, also where nobody has awaited that
      this.told = Promise.all([answer, this.told]).then(([its]) => this.tell(window.start, its));
    }
    return this.told;
  }

  tell(first, { probabilities, ms }) {
    if (this.isStopped) return;
    const rate = this.model.description.sample_rate;
    const start = first / rate;
    const end = (first + this.windows.length) / rate;
    const events = this.events.push(start, end, probabilities);
    this.onWindow({ start, end, averages: this.events.averages, events, ms });
  }

  /** Leaves out what still comes. */
  stop() {
    this.isStopped = true;
  }
}
