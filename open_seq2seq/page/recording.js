// The player of a recording moves a line across its pictures; a click on a picture moves the player.
// Gradio runs this with `element`, whose content changes with each recording: events are caught here.

// what browsers do to speech for telephones, models are not trained on
const media = navigator.mediaDevices;
if (media) {
  const ask = media.getUserMedia.bind(media);
  media.getUserMedia = ({ audio }) => ask({ audio: {
    ...(audio === true ? {} : audio),
    channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false,
  } });
}

const player = () => element.querySelector("audio");

for (const name of ["timeupdate", "seeked"]) {
  element.addEventListener(name, () => {
    const { currentTime, duration } = player();
    const plots = element.querySelector(".plots");
    plots.style.setProperty("--now", `${(100 * currentTime) / duration}%`);
    plots.classList.add("played");
  }, true); // events of players do not bubble
}

element.addEventListener("click", (event) => {
  const plot = event.target.closest(".plot");
  if (!plot || !Number.isFinite(player().duration)) return;
  const { left, width } = plot.getBoundingClientRect();
  player().currentTime = (player().duration * (event.clientX - left)) / width;
});
