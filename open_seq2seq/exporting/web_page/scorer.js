// A worker: windows in, probabilities out, by ONNX Runtime's WebAssembly.

import * as ort from "./runtime/ort.wasm.min.js";

// one thread: more would need headers that a plain server does not send
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = {
  mjs: new URL("runtime/ort-wasm-simd-threaded.js", import.meta.url).href,
};

let session = null;

async function load() {
  const names = ["runtime/ort-wasm-simd-threaded.wasm", "model.onnx"];
  const [wasm, model] = await Promise.all(names.map(read));
  ort.env.wasm.wasmBinary = wasm;
  const options = { executionProviders: ["wasm"] };
  session = await ort.InferenceSession.create(new Uint8Array(model), options);
}

async function read(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: the server answers ${answer.status}`);
  return answer.arrayBuffer();
}

async function run(samples) {
  const input = new ort.Tensor("float32", samples, [1, samples.length]);
  const started = performance.now();
  const outputs = await session.run({ [session.inputNames[0]]: input });
  const probabilities = Float32Array.from(outputs[session.outputNames[0]].data);
  return { probabilities, ms: performance.now() - started };
}

let last = load(); // what is asked for is done in order
self.onmessage = ({ data: { id, samples } }) => {
  last = last
    .then(() => run(samples))
    .then(
      (result) => self.postMessage({ id, ...result }),
      (error) => {
        self.postMessage({ id, error: String(error.message ?? error) });
        if (session === null) throw error; // it stays so
      },
    );
};
