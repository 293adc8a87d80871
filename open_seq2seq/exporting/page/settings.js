// The form of thresholds, averaging and gap.

const at = (id) => document.getElementById(id);

/**
 * Fills the form with what model.json says, and calls `onChange` with the settings when they change.
 *
 * @returns a function that returns the settings
 */
export function openSettings(description, onChange) {
  const exported = description.labels.map((label) => description.thresholds[label] ?? null);
  const different = new Set(exported.filter((threshold) => threshold !== null));
  if (different.size === 1) at("threshold").defaultValue = [...different][0];
  else at("threshold").placeholder = "each its own";
  at("smoothing").defaultValue = description.smoothing;
  at("gap").defaultValue = description.min_gap_s;

  const settings = () => ({
    thresholds: exported.map((threshold) => {
      const isChanged = at("threshold").value !== at("threshold").defaultValue;
      return threshold !== null && isChanged ? at("threshold").valueAsNumber : threshold;
    }),
    smoothing: at("smoothing").valueAsNumber,
    min_gap_s: at("gap").valueAsNumber,
    hop_s: description.hop_s,
  });
  let valid = settings();
  const changed = () => {
    const isWhole = at("threshold").value !== "" || at("threshold").defaultValue === "";
    if (!at("settings").checkValidity() || !isWhole) return; // the last good ones hold
    valid = settings();
    onChange(valid);
  };
  at("settings").addEventListener("input", changed);
  at("settings").addEventListener("submit", (event) => event.preventDefault());
  at("settings").addEventListener("reset", () => setTimeout(changed));
  return () => valid;
}
