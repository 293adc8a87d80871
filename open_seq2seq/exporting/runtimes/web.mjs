// Run a page's model on clips by the page's own runtime: web.mjs PAGE CLIPS.npy OUTPUTS.npy, and
// print its timings.

import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const N_TIMED = 200;

/** Write the output for each clip; print milliseconds of single clips as JSON. */
async function main(page, clipsFile, outputsFile) {
  const at = (name) => pathToFileURL(resolve(page, name));
  const ort = await import(at("runtime/ort.wasm.min.js"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = {
    mjs: at("runtime/ort-wasm-simd-threaded.js").href,
    wasm: at("runtime/ort-wasm-simd-threaded.wasm").href,
  };
  const session = await ort.InferenceSession.create(await readFile(at("model.onnx")), {
    executionProviders: ["wasm"],
  });
  const clips = await readClips(clipsFile);
  const outputs = [];
  const timesMs = [];
  for (let index = 0; index < Math.max(clips.length, N_TIMED); index++) {
    const clip = clips[index % clips.length];
    const input = new ort.Tensor("float32", clip, [1, clip.length]);
    const started = performance.now();
    const given = await session.run({ [session.inputNames[0]]: input });
    timesMs.push(performance.now() - started);
    if (index < clips.length) outputs.push(given[session.outputNames[0]].data.slice());
  }
  await writeOutputs(outputsFile, outputs);
  console.log(JSON.stringify({ times_ms: timesMs }));
}

/** Return int16 clips of NumPy's format as floats, of which 1 is full scale. */
async function readClips(file) {
  const content = await readFile(file);
  const begin = 10 + content.readUInt16LE(8);
  const header = content.toString("latin1", 10, begin);
  const [, nClips, nSamples] = /'<i2'.*'shape': \((\d+), (\d+)\)/.exec(header).map(Number);
  return Array.from({ length: nClips }, (_, clip) =>
    Float32Array.from(
      { length: nSamples },
      (_, i) => content.readInt16LE(begin + 2 * (clip * nSamples + i)) / 32768,
    ),
  );
}

/** Write float32 [clips, labels] in NumPy's format. */
async function writeOutputs(file, outputs) {
  const shape = `(${outputs.length}, ${outputs[0].length})`;
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = header.padEnd(128 * Math.ceil((header.length + 11) / 128) - 11) + "\n";
  const begin = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  begin.writeUInt16LE(padded.length, 8);
  const values = Buffer.alloc(4 * outputs.length * outputs[0].length);
  outputs.flatMap((row) => [...row]).forEach((p, i) => values.writeFloatLE(p, 4 * i));
  await writeFile(file, Buffer.concat([begin, Buffer.from(padded, "latin1"), values]));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(String(error.message ?? error).split("\n")[0]);
  process.exit(1);
});
