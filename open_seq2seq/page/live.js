// The live tab: the microphone's samples go to the server, its events and probabilities are shown.
// Gradio runs this with `element`, the panel.

const CHUNK_S = 0.05;
const LATE_S = 1.5; // behind the microphone, from which on the page says so
const MOST_LINES = 200;

// runs beside the page: hands over the samples of one channel as they come
const RECORDER = `
registerProcessor("recorder", class extends AudioWorkletProcessor {
  process(inputs) {
    if (inputs[0].length) this.port.postMessage(inputs[0][0].slice());
    return true;
  }
});`;

const panel = element.querySelector(".live");
const button = panel.querySelector(".listen");
const level = panel.querySelector(".level");
const state = panel.querySelector(".state");
const bars = [...panel.querySelectorAll(".bar b")];
const numbers = [...panel.querySelectorAll(".p")];
const list = panel.querySelector(".events");
const none = panel.querySelector(".none");
const firstS = Number(panel.dataset.first);

let stream = null; // what is open while the page listens
let isStarting = false;

button.addEventListener("click", () => (stream ? stop("Stopped.") : start()));

async function start() {
  if (isStarting) return;
  isStarting = true;
  clear();
  state.textContent = "Waiting for the microphone ...";
  const opened = { sentS: 0, held: [], nHeld: 0 };
  try {
    if (!navigator.mediaDevices) throw new Error("open this page at http://127.0.0.1 instead");
    opened.media = await navigator.mediaDevices.getUserMedia({ audio: true });
    opened.context = new AudioContext();
    opened.socket = await connect();
    opened.socket.send(String(opened.context.sampleRate));
    await record(opened);
    stream = opened;
    button.textContent = "Stop";
    panel.classList.add("on");
    state.textContent = `Listening; the first probabilities come after ${firstS} s.`;
  } catch (error) {
    close(opened);
    state.textContent = reason(error);
  }
  isStarting = false;
}

function connect() {
  return new Promise((resolve, reject) => {
    const address = new URL(panel.dataset.path, location.href);
    address.protocol = "ws:";
    const socket = new WebSocket(address);
    socket.onopen = () => resolve(socket);
    socket.onerror = () => reject(new Error("the server does not answer; start --mode=try again"));
    socket.onmessage = (message) => show(JSON.parse(message.data));
    socket.onclose = () => {
      if (stream && stream.socket === socket) stop("The server has ended; start --mode=try again.");
    };
  });
}

async function record(opened) {
  const address = URL.createObjectURL(new Blob([RECORDER], { type: "text/javascript" }));
  await opened.context.audioWorklet.addModule(address);
  URL.revokeObjectURL(address);
  const node = new AudioWorkletNode(opened.context, "recorder", { channelCount: 1,
    channelCountMode: "explicit", numberOfOutputs: 0 });
  const { sampleRate } = opened.context;
  node.port.onmessage = ({ data }) => {
    opened.held.push(data);
    opened.nHeld += data.length;
    if (opened.nHeld < CHUNK_S * sampleRate) return;
    const chunk = new Float32Array(opened.nHeld);
    let at = 0;
    for (const part of opened.held) {
      chunk.set(part, at);
      at += part.length;
    }
    opened.held = [];
    opened.nHeld = 0;
    if (opened.socket.readyState === WebSocket.OPEN) opened.socket.send(chunk);
    opened.sentS += chunk.length / sampleRate;
    level.value = Math.sqrt(Math.max(...chunk.map(Math.abs))); // quiet speech is seen too
  };
  opened.context.createMediaStreamSource(opened.media).connect(node);
  opened.media.getTracks()[0].onended = () => {
    if (stream === opened) stop("The microphone has ended; is it unplugged?");
  };
  await opened.context.resume();
}

function show(answer) {
  if (answer.problem) return stop(answer.problem);
  if (!stream) return;
  answer.averages.forEach((average, index) => {
    bars[index].style.width = `${100 * average}%`;
    numbers[index].textContent = average.toFixed(2);
  });
  for (const event of answer.events) {
    const line = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = event.label;
    line.append(name, ` ${event.end.toFixed(1)} s (${event.score.toFixed(3)})`);
    list.prepend(line); // the newest first
    while (list.children.length > MOST_LINES) list.lastChild.remove();
    none.hidden = true;
  }
  const lateS = stream.sentS - answer.heard_s;
  if (lateS > LATE_S) {
    state.textContent = `${lateS.toFixed(0)} s behind: this machine is too slow for a window ` +
      "every --hop_s; start with a longer one.";
  } else if (answer.averages.length) {
    state.textContent = `Listening, ${answer.heard_s.toFixed(0)} s.`;
  }
}

function stop(why) {
  const opened = stream;
  stream = null;
  close(opened);
  button.textContent = "Listen";
  panel.classList.remove("on");
  level.value = 0;
  state.textContent = why;
}

function close(opened) {
  if (!opened) return;
  if (opened.socket) opened.socket.close();
  if (opened.media) opened.media.getTracks().forEach((track) => track.stop());
  if (opened.context) opened.context.close();
}

function clear() {
  list.replaceChildren();
  none.hidden = false;
  bars.forEach((bar) => (bar.style.width = "0"));
  numbers.forEach((number) => (number.textContent = ""));
}

function reason(error) {
  if (error.name === "NotAllowedError") {
    return "The browser may not use the microphone: allow it beside the address of this page.";
  }
  if (error.name === "NotFoundError") return "There is no microphone; connect one.";
  return `Cannot listen: ${error.message}`;
}
