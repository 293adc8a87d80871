"""A recording as the page shows it: HTML and SVG on one axis of time, at any width."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.audio import as_wav
from open_seq2seq.data.features import hz_to_mel
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.page.recording import LONGEST_S, Heard
from open_seq2seq.reports.images import heat_image, opacity_image, wav_address, waveform_polygon
from open_seq2seq.streaming import Event

_COLUMNS = 600  # of the waveform
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10)
_MOST_TICKS = 8
_TICKS_HZ = (500, 1000, 2000, 4000, 8000, 16000)


def page_of(heard: Heard, front_end: FrontEnd, labels: Sequence[str], params: StreamParams) -> str:
    """Return what was heard in a recording, as HTML."""
    notes = list(heard.notes)
    if heard.is_cut:
        notes.insert(0, f"the first {LONGEST_S:g} s of it; --mode=stream hears all of a file")
    note = f"<p class='note'>Note: {_text('; '.join(notes))}.</p>" if notes else ""
    sound = wav_address(as_wav(heard.samples, heard.sample_rate))
    return f"""<div class="heard">
{_label(heard)}
<audio controls src="{sound}"></audio>{note}
<div class="plots">
{_row("Wave<wbr>form", _waveform(heard), "wave")}
{_row(_frequencies(front_end), _log_mel(heard), "mel")}
{_row(_names(labels), _probabilities(heard, labels, params), "labels")}
<div></div><div class="times">{_times(heard.seconds)}</div>
</div>
<p class="note">Blue: probabilities, in windows of {params.window_s:g} s. Orange: events.</p>
{_events(heard, params)}
</div>"""


def message_of(problem: str) -> str:
    """Return what is wrong with a recording, as HTML."""
    return f"<div class='problem' role='alert'>{_text(problem)}</div>"


def _label(heard: Heard) -> str:
    if heard.whole is None:
        return f"<p class='verdict'>{heard.seconds:.1f} s, too long for one label.</p>"
    (label, probability), *others = heard.whole.best
    rest = "".join(f", {_text(other)} {p:.1%}" for other, p in others)
    return (
        f"<p class='verdict'><strong>{_text(label)}</strong> {probability:.1%}"
        f"<span class='note'>{rest}</span></p>"
    )


def _row(names: str, plot: str, kind: str) -> str:
    return f"<div class='names {kind}'>{names}</div><div class='plot {kind}'>{plot}</div>"


def _waveform(heard: Heard) -> str:
    """Return the waveform as one shape."""
    points, peak = waveform_polygon(heard.samples, _COLUMNS)
    n_columns = min(_COLUMNS, len(heard.samples))
    return (
        f"<svg viewBox='0 -1.05 {n_columns} 2.1' preserveAspectRatio='none' role='img' "
        f"aria-label='Waveform'><polygon points='{points}'/></svg>"
        f"<span class='corner'>peak {20 * np.log10(peak):.0f} dB</span>"
    )


def _log_mel(heard: Heard) -> str:
    return f"<img src='{heat_image(heard.log_mel)}' alt='Log-mel energies over time'>"


def _frequencies(front_end: FrontEnd) -> str:
    low, high = front_end.fmin, front_end.fmax or front_end.sample_rate / 2
    lowest, highest = hz_to_mel(low), hz_to_mel(high)
    marks = "<span class='title'>Log-mel</span>"
    for hz in _TICKS_HZ:
        if low <= hz < high:
            height = float((hz_to_mel(hz) - lowest) / (highest - lowest))
            marks += f"<span class='hz' style='bottom:{height:.1%}'>{hz / 1000:g} kHz</span>"
    return marks


def _names(labels: Sequence[str]) -> str:
    return "".join(f"<span>{_text(label)}</span>" for label in labels)


def _probabilities(heard: Heard, labels: Sequence[str], params: StreamParams) -> str:
    """Return a row of cells for each label, a cell for each window, at the window's middle.

    What is no longer than a window is one cell.
    """
    if heard.whole is not None and len(heard.scores) <= 1:
        rows, place = heard.whole.probabilities[None], _place(0.0, 1.0, 1.0)
    else:
        rows = np.stack([scores.probabilities for scores in heard.scores])
        middle_s = (heard.scores[0].start + heard.scores[0].end) / 2 / heard.sample_rate
        place = _place(middle_s - params.hop_s / 2, len(rows) * params.hop_s, heard.seconds)
    image = f"<img class='cells' style='{place}' src='{opacity_image(rows)}' "
    image += "alt='Probability of each label over time'>"
    boxes = [_box(event, labels, heard.seconds) for event in heard.events]
    return image + "".join(boxes)


def _box(event: Event, labels: Sequence[str], seconds: float) -> str:
    row, place = labels.index(event.label), _place(event.start, event.end - event.start, seconds)
    place += f";top:{row / len(labels):.3%};height:{1 / len(labels):.3%}"
    return f"<span class='event' style='{place}' title='{_text(_line(event))}'></span>"


def _place(start_s: float, length_s: float, seconds: float) -> str:
    return f"left:{start_s / seconds:.3%};width:{length_s / seconds:.3%}"


def _times(seconds: float) -> str:
    step = next((step for step in _TICKS_S if seconds / step <= _MOST_TICKS), _TICKS_S[-1])
    ticks = np.arange(0.0, seconds, step)
    return "".join(f"<span style='left:{t / seconds:.2%}'>{t:g} s</span>" for t in ticks.round(3))


def _events(heard: Heard, params: StreamParams) -> str:
    if heard.events:
        lines = "".join(f"<li>{_text(_line(event))}</li>" for event in heard.events)
        return f"<h3>Events</h3><ol class='events'>{lines}</ol>"
    first_s = params.window_s + (params.smoothing - 1) * params.hop_s
    if heard.seconds < first_s:
        why = (
            f"An event needs {params.smoothing} windows ({first_s:.1f} s), this is shorter. "
            "--smoothing=1 would average none."
        )
    else:
        why = f"No label's averaged probability has reached its threshold ({params.threshold:g})."
    return f"<h3>Events</h3><p class='note'>None. {_text(why)}</p>"


def _line(event: Event) -> str:
    return f"{event.start:.2f} to {event.end:.2f} s: {event.label} ({event.score:.3f})"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
