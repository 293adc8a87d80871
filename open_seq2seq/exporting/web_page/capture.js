// In the audio thread: the microphone's samples in chunks of a fiftieth of a second or so.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Float32Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }

  process([[samples]]) {
    if (samples === undefined) return true; // nothing is connected yet
    for (const sample of samples) {
      this.chunk[this.filled++] = sample;
      if (this.filled === this.chunk.length) {
        this.port.postMessage(this.chunk.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
