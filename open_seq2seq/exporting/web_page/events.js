// From probabilities over time to events: the rules of open_seq2seq.streaming.EventDetector.

/**
 * Averages the last probabilities; a label that rises to its threshold is an event.
 *
 * It is none again until it has fallen below the threshold and the gap is over.
 */
export class EventDetector {
  /**
   * @param {string[]} labels in the order of the probabilities
   * @param {(number|null)[]} thresholds of each label; null: it is never an event
   * @param {number} smoothing how many probabilities are averaged
   * @param {number} minGapS seconds between two events of one label at least
   */
  constructor(labels, thresholds, { smoothing, minGapS }) {
    this.labels = labels;
    this.thresholds = thresholds.map((threshold) => threshold ?? Infinity);
    this.smoothing = smoothing;
    this.minGapS = minGapS;
    this.last = []; // probabilities, the oldest first
    this.mayFire = labels.map(() => true);
    this.firedS = labels.map(() => -Infinity);
  }

  /** Whether there are as many probabilities as are averaged; before, nothing is an event. */
  get isFull() {
    return this.last.length === this.smoothing;
  }

  /** Averages of the probabilities that there are, [labels]. */
  get averages() {
    return this.labels.map((_, index) => {
      let sum = 0; // the oldest first, as NumPy adds: the same bits
      for (const probabilities of this.last) sum += probabilities[index];
      return sum / this.last.length;
    });
  }

  /**
   * Takes the probabilities of the next window, [labels], and returns the events.
   *
   * @param {number} start of the window in seconds
   * @param {number} end of the window in seconds
   */
  push(start, end, probabilities) {
    this.last.push(probabilities);
    if (this.last.length > this.smoothing) this.last.shift();
    if (!this.isFull) return [];
    const events = [];
    this.averages.forEach((score, index) => {
      const isAbove = score >= this.thresholds[index];
      const isEvent =
        isAbove && this.mayFire[index] && end - this.firedS[index] >= this.minGapS;
      this.mayFire[index] = !isAbove || (this.mayFire[index] && !isEvent);
      if (isEvent) {
        this.firedS[index] = end;
        events.push({ label: this.labels[index], start, end, score });
      }
    });
    return events;
  }
}
