// The sliders of thresholds, averaging and gap.

const at = (id) => document.getElementById(id);

/**
 * Sets the sliders as model.json says, and calls `onChange` with the settings when one is moved.
 *
 * They are sliders and no text fields, about which some browsers ask their maker.
 *
 * @returns a function that returns the settings
 */
export function openSettings(description, onChange) {
  const exported = description.labels.map((label) => description.thresholds[label] ?? null);
  const different = new Set(exported.filter((threshold) => threshold !== null));
  let isOneThreshold = false; // whether the slider of thresholds has been moved
  begin("threshold", [...different][0] ?? 1);
  begin("smoothing", description.smoothing);
  begin("gap", description.min_gap_s);

  const settings = () => ({
    thresholds: exported.map((threshold) =>
      threshold !== null && isOneThreshold ? at("threshold").valueAsNumber : threshold,
    ),
    smoothing: at("smoothing").valueAsNumber,
    min_gap_s: at("gap").valueAsNumber,
    hop_s: description.hop_s,
  });
  const show = () => {
    for (const output of at("settings").querySelectorAll("output")) {
      output.textContent = at(output.htmlFor.value).value;
    }
    if (different.size > 1 && !isOneThreshold) {
      at("settings").querySelector("output").textContent = "each its own";
    }
  };
  at("settings").addEventListener("input", ({ target }) => {
    if (target === at("threshold")) isOneThreshold = true;
    show();
    onChange(settings());
  });
  at("settings").addEventListener("reset", () => {
    isOneThreshold = false;
    setTimeout(() => {
      show(); // once the sliders are back
      onChange(settings());
    });
  });
  show();
  return settings;
}

/** Puts a slider where a value is, which may lie beyond its ends. */
function begin(id, value) {
  at(id).max = Math.max(at(id).max, value);
  at(id).defaultValue = value;
}
