// What the page shows.

const MOST_EVENTS = 200;
const FLOOR_DB = -60;

const at = (id) => document.getElementById(id);

/** Shows a sentence; an error in another colour. */
export function say(text, { isError = false } = {}) {
  if (at("status").textContent !== text) at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

/** Makes a bar for each label. */
export function makeBars(labels) {
  at("bars").replaceChildren(
    ...labels.map((label) => {
      const [row, name, bar, fill, mark, value] = Array.from({ length: 6 }, (_, index) =>
        document.createElement(index === 0 ? "li" : index === 1 || index === 5 ? "span" : "div"),
      );
      row.dataset.label = label;
      for (const [element, its] of Object.entries({ name, bar, fill, mark, value })) {
        its.className = element;
      }
      name.textContent = name.title = label;
      bar.setAttribute("role", "meter");
      bar.setAttribute("aria-label", label);
      bar.setAttribute("aria-valuemin", "0");
      bar.setAttribute("aria-valuemax", "1");
      bar.append(fill, mark);
      row.append(name, bar, value);
      return row;
    }),
  );
}

/** Shows probabilities, [labels], null for none, and where the thresholds are. */
export function showProbabilities(probabilities, thresholds) {
  [...at("bars").children].forEach((row, index) => {
    const [threshold, p] = [thresholds[index], probabilities?.[index] ?? 0];
    row.classList.toggle("never", threshold === null);
    row.classList.toggle("above", threshold !== null && p >= threshold);
    const [bar, value] = [row.querySelector(".bar"), row.querySelector(".value")];
    bar.setAttribute("aria-valuenow", p.toFixed(3));
    bar.querySelector(".fill").style.transform = `scaleX(${p})`;
    bar.querySelector(".mark").hidden = threshold === null;
    bar.querySelector(".mark").style.left = `${100 * (threshold ?? 0)}%`;
    value.textContent = probabilities === null ? "" : percent(p);
  });
}

/** Adds an event, the newest above. */
export function showEvent({ label, end, score }) {
  const row = document.createElement("li");
  row.dataset.label = label;
  const time = document.createElement("time");
  time.textContent = clock(end);
  const [name, value] = [document.createElement("span"), document.createElement("span")];
  [name.className, value.className] = ["label", "score"];
  [name.textContent, value.textContent] = [label, percent(score)];
  row.append(time, name, value);
  at("events").prepend(row);
  if (at("events").children.length > MOST_EVENTS) at("events").lastElementChild.remove();
  at("none").hidden = true;
  showHeard(label);
}

/** Shows a label in large letters. */
export function showHeard(label) {
  at("heard").textContent = label;
}

export function clearEvents() {
  at("events").replaceChildren();
  at("none").hidden = false;
  showHeard("");
}

/** Shows the level of some samples; null: there are none. */
export function showLevel(samples) {
  let db = FLOOR_DB;
  if (samples?.length) {
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    db = Math.min(0, Math.max(FLOOR_DB, 10 * Math.log10(power)));
  }
  at("level").setAttribute("aria-valuenow", db.toFixed(0));
  at("level").firstElementChild.style.transform = `scaleX(${1 - db / FLOOR_DB})`;
}

/** Shows how fast the model is, and what it could not do in time. */
export function showSpeed(ms, nSkipped) {
  let text = ms === null ? "" : `${ms.toFixed(1)} ms a window`;
  if (nSkipped) text += `; ${nSkipped} windows left out: this device is too slow for all of them`;
  at("speed").textContent = text;
}

function percent(p) {
  return `${Math.round(100 * p)} %`;
}

/** Seconds since the sound began, as 1:02.3. */
export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${Math.floor(tenths / 600)}:${rest}`;
}
