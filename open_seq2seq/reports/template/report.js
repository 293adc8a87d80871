"use strict";
const sounds = JSON.parse(document.getElementById("sounds").textContent);
const cells = JSON.parse(document.getElementById("cells").textContent);

for (const audio of document.querySelectorAll("audio[data-sound]")) {
  audio.src = sounds[audio.dataset.sound];
}

/* One at a time. */
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) {
    if (audio !== event.target) audio.pause();
  }
}, true);

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function itemOf(clip) {
  const item = element("li", `${(100 * clip.probability).toFixed(1)} % `);
  item.append(element("span", [clip.speaker, clip.path].filter(Boolean).join(", "), "note path"));
  if (clip.sound === null) {
    item.append(element("span", " (not in this page)", "note"));
  } else {
    const audio = element("audio");
    audio.controls = true;
    audio.src = sounds[clip.sound];
    item.append(audio);
  }
  return item;
}

function show(table, cell) {
  const split = table.dataset.split;
  const clips = cells[split][cell.dataset.cell] || [];
  for (const other of table.querySelectorAll(".chosen")) other.classList.remove("chosen");
  cell.classList.add("chosen");
  const target = document.querySelector(`[data-listed="${split}"]`);
  const n = Number(cell.textContent);
  const which = clips.length < n ? `, ${clips.length} of them` : "";
  const list = element("ol");
  list.append(...clips.map(itemOf));
  target.replaceChildren(element("h4", cell.getAttribute("aria-label") + which), list);
}

for (const table of document.querySelectorAll(".confusion")) {
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-cell]");
    if (cell) show(table, cell);
  });
  table.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target.dataset.cell) {
      event.preventDefault();
      show(table, event.target);
    }
  });
}
