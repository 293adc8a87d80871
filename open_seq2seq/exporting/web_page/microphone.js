// The microphone as a stream of chunks at the model's sample rate.

import { Resampler } from "./resampler.js";

const REASONS = {
  NotAllowedError:
    "The browser does not let this page use the microphone. Allow it in the browser's settings " +
    "for this page, then press Listen again.",
  NotFoundError: "No microphone was found. Connect one, then press Listen again.",
  NotReadableError:
    "The microphone cannot be read; another program may be using it. Close that program, then " +
    "press Listen again.",
};

/**
 * Opens the microphone and returns a function that closes it.
 *
 * @param {number} sampleRate of the chunks in Hz
 * @param {(samples: Float32Array) => void} onSamples takes each chunk, mono, 1 is full scale
 * @param {() => void} onEnd is called if the microphone ends by itself
 * @throws Error whose message is for the user
 */
export async function openMicrophone(sampleRate, onSamples, onEnd) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(
      "Browsers give the microphone only to pages from this computer (127.0.0.1 or localhost) " +
        "or over HTTPS. Open the page by such an address.",
    );
  }
  // the model has heard sound as it is
  const audio = {
    channelCount: 1,
    echoCancellation: false,
    noiseSuppression: false,
    autoGainControl: false,
  };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  }
  let context = null;
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    context?.close();
  };
  try {
    let source;
    [context, source] = await connect(stream, sampleRate);
    await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    const node = new AudioWorkletNode(context, "capture", {
      channelCount: 1,
      channelCountMode: "explicit", // the mean of several channels
    });
    let resample = (samples) => samples;
    if (context.sampleRate !== sampleRate) {
      const resampler = new Resampler(context.sampleRate, sampleRate);
      resample = (samples) => resampler.push(samples);
    }
    node.port.onmessage = ({ data }) => onSamples(resample(data));
    source.connect(node);
    node.connect(context.destination); // it is silent; without a listener it might not run
    await context.resume();
  } catch (error) {
    close();
    throw new Error(`The microphone cannot be used: ${error.message}`);
  }
  stream.getTracks().forEach((track) => track.addEventListener("ended", onEnd));
  return close;
}

/** Returns an audio context of the model's rate, or of its own where that is refused. */
async function connect(stream, sampleRate) {
  let context = null;
  try {
    context = new AudioContext({ sampleRate });
    return [context, context.createMediaStreamSource(stream)];
  } catch {
    await context?.close();
    context = new AudioContext();
    return [context, context.createMediaStreamSource(stream)];
  }
}
