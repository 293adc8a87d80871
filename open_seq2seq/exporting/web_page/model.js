// The model in its worker, as a function that one can await.

export class Model {
  /** Starts the worker; `description` is what model.json says. */
  constructor(description) {
    this.description = description;
    this.waiting = new Map(); // by id: who waits for an answer
    this.nextId = 0;
    this.failure = null;
    this.worker = new Worker(new URL("scorer.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error === undefined) resolve(data);
      else reject(new Error(data.error));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.failure = new Error(event.message || "the files of the runtime cannot be loaded");
      for (const { reject } of this.waiting.values()) reject(this.failure);
      this.waiting.clear();
    };
  }

  /** Reads the description, loads the model and runs it once: its first run is slow. */
  static async load() {
    const answer = await fetch(new URL("model.json", import.meta.url));
    if (!answer.ok) throw new Error(`model.json: the server answers ${answer.status}`);
    const model = new Model(await answer.json());
    await model.probabilities(new Float32Array(model.description.clip_samples));
    return model;
  }

  /** How many windows wait for their probabilities. */
  get nWaiting() {
    return this.waiting.size;
  }

  /** Returns { probabilities: Float32Array [labels], ms } of a window, Float32Array [samples]. */
  probabilities(samples) {
    if (this.failure !== null) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, samples });
    });
  }
}
