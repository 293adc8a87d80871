// The page: what its buttons do.

import { readFile } from "./files.js";
import { Listener } from "./listener.js";
import { openMicrophone } from "./microphone.js";
import { Model } from "./model.js";
import { openSettings } from "./settings.js";
import * as view from "./view.js";
import { fit } from "./windows.js";

const SILENT_S = 2; // of zeros alone, after which one may ask whether the microphone is muted

const at = (id) => document.getElementById(id);
let running = null; // what is listened to: {listener, close}

view.say("Loading the model …");
try {
  const model = await Model.load();
  start(model);
  view.say("Ready. Press Listen, or choose a file.");
} catch (error) {
  const reason = error.message.replace(/\.$/, "");
  view.say(`The model cannot be loaded: ${reason}. Is the whole folder of the page here?`, {
    isError: true,
  });
}

function start(model) {
  const { labels } = model.description;
  at("about").textContent =
    `Tells apart ${labels.length} labels. The sound stays in this browser.`;
  view.makeBars(labels);
  const settings = openSettings(model.description, (changed) => {
    running?.listener.configure(changed);
    view.showProbabilities(null, changed.thresholds);
  });
  view.showProbabilities(null, settings().thresholds);
  at("clear").addEventListener("click", view.clearEvents);
  at("listen").addEventListener("click", () => {
    if (running === null) listen(model, settings);
    else stop("Stopped.");
  });
  at("file").addEventListener("change", () => {
    const [file] = at("file").files;
    if (file !== undefined) labelFile(file, model, settings);
    at("file").value = ""; // so that the same file can be chosen again
  });
  at("listen").disabled = at("file").disabled = false;
}

/** Returns a listener whose windows and events are shown. */
function newListener(model, settings, isLive) {
  const listener = new Listener(
    model,
    settings(),
    ({ averages, events, ms }) => {
      view.showProbabilities(averages, settings().thresholds);
      events.forEach(view.showEvent);
      listener.nEvents += events.length;
      view.showSpeed(ms, listener.nSkipped);
    },
    isLive,
  );
  listener.nEvents = 0;
  view.clearEvents();
  return listener;
}

async function listen(model, settings) {
  const rate = model.description.sample_rate;
  const listener = newListener(model, settings, true);
  at("listen").disabled = at("file").disabled = true;
  let nZeros = 0;
  const onSamples = (samples) => {
    nZeros = samples.every((sample) => sample === 0) ? nZeros + samples.length : 0;
    view.say(
      nZeros < SILENT_S * rate
        ? "Listening …"
        : "Listening …, but the microphone gives nothing. Is it muted?",
    );
    view.showLevel(samples);
    listener.push(samples).catch((error) => stop(error.message, { isError: true }));
  };
  try {
    view.say("Opening the microphone …");
    const close = await openMicrophone(
      rate,
      (samples) => listener.isStopped || onSamples(samples),
      () => stop("The microphone has gone. Connect it, then press Listen.", { isError: true }),
    );
    running = { listener, close };
    at("listen").textContent = "Stop";
    at("listen").setAttribute("aria-pressed", "true");
  } catch (error) {
    view.say(error.message, { isError: true });
  }
  at("listen").disabled = at("file").disabled = false;
}

/** Ends what is listened to and says why. */
function stop(text, options) {
  running?.listener.stop();
  running?.close();
  running = null;
  at("listen").textContent = "Listen";
  at("listen").removeAttribute("aria-pressed");
  view.showLevel(null);
  view.say(text, options);
}

async function labelFile(file, model, settings) {
  stop(`${file.name}: reading …`);
  const { clip_samples: length, sample_rate: rate, front_end: frontEnd } = model.description;
  const listener = newListener(model, settings, false);
  running = { listener, close: () => {} };
  at("listen").textContent = "Stop";
  try {
    const samples = await readFile(file, rate);
    const isClip = samples.length <= length;
    const heard = isClip ? fit(samples, length, frontEnd) : samples;
    for (let begin = 0; begin < heard.length; begin += rate) {
      if (listener.isStopped) return;
      view.say(`${file.name}: ${Math.floor((100 * begin) / heard.length)} %`);
      await listener.push(heard.subarray(begin, begin + rate));
    }
    if (listener.isStopped) return;
    stop(`${file.name}: ${summary(samples.length / rate, listener, model.description)}`);
  } catch (error) {
    if (!listener.isStopped) stop(error.message, { isError: true });
  }
}

/** Says what was heard in a file. */
function summary(seconds, listener, { labels }) {
  const duration = `${seconds.toFixed(1)} s`;
  const { averages, isFull } = listener.events;
  if (isFull) {
    const n = listener.nEvents;
    return `${duration}, ${n} ${n === 1 ? "event" : "events"}.`;
  }
  // too short for an event: what a clip of one word is
  const best = averages.indexOf(Math.max(...averages));
  view.showHeard(labels[best]);
  return `${duration}, most probably ${labels[best]} (${Math.round(100 * averages[best])} %).`;
}
