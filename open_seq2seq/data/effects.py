"""Augmentation one effect at a time: what was drawn for a clip, and how to say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.augment import Draws, pitch_grid
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.context import ContextDraws
from open_seq2seq.data.epoch import Epoch, draws_of

_MANY = 1000  # slots of an epoch, of which one has an effect that is on
_MOST_EPOCHS = 50  # until an effect must have been drawn once


class Effect(NamedTuple):
    """A part of augmentation."""

    name: str
    fields: tuple[str, ...] = ()  # of `Draws`
    is_context: bool = False
    is_masked: bool = False


EFFECTS = (
    Effect("in context", is_context=True),
    Effect("shifted", ("shift",)),
    Effect("pitch", ("pitch",)),
    Effect("stretched", ("stretch",)),
    Effect("room", ("room",)),
    Effect("background", ("background_gain", "background_start", "background_snr_db")),
    Effect("level", ("gain", "overdrive")),
    Effect("noise", ("noise_gain", "noise_start", "noise_colour")),
    Effect("equalizer", ("equalizer_db",)),
    Effect("masked", is_masked=True),
)


class Shown(NamedTuple):
    """One effect on a clip."""

    name: str
    caption: str  # the values that were drawn
    number: int  # of the epoch that draws them
    epoch: Epoch  # that draws these alone


def effects_on(
    params: ClipParams, slot: int, n_slots: int, seed: int, epochs: Callable[[int], Epoch]
) -> Iterator[Shown]:
    """Yield each effect that training has on a slot by itself, then all of one epoch at once.

    Args:
        params: of the data layer.
        slot: of the clip.
        n_slots: of an epoch.
        seed: of the run.
        epochs: returns all that is drawn for an epoch.
    """
    nothing = draws_of(params, n_slots, training=False, seed=seed, epoch=0)
    first = epochs(0)
    wanted = [each for each in EFFECTS if _may_be_drawn(each, params, first, nothing, n_slots)]
    found: dict[str, Shown] = {}
    for number in range(_MOST_EPOCHS):
        drawn = epochs(number) if number else first
        for effect in wanted:
            caption = caption_of(effect, params, drawn, nothing, slot)
            if caption and effect.name not in found:
                alone = _only(effect, drawn, nothing)
                found[effect.name] = Shown(effect.name, caption, number, alone)
        if len(found) == len(wanted):
            break
    yield from (found[each.name] for each in wanted if each.name in found)
    if len(found) > 1:
        drawn = first._replace(fractions=None)
        captions = [caption_of(effect, params, drawn, nothing, slot) for effect in EFFECTS]
        yield Shown("all at once", ", ".join(filter(None, captions)) or "as it is", 0, drawn)


def _may_be_drawn(
    effect: Effect, params: ClipParams, drawn: Epoch, nothing: Draws, n_slots: int
) -> bool:
    """Tell whether an effect is on: of many slots one has it, of few nobody knows."""
    if n_slots < _MANY:
        return True
    return any(caption_of(effect, params, drawn, nothing, slot) for slot in range(_MANY))


def untouched(params: ClipParams, n_slots: int, seed: int, epoch: Epoch) -> Epoch:
    """Return an epoch that draws nothing but which row each slot has."""
    nothing = draws_of(params, n_slots, training=False, seed=seed, epoch=0)
    return Epoch(epoch.rows, nothing, epoch.positions)


def _only(effect: Effect, drawn: Epoch, nothing: Draws) -> Epoch:
    draws = nothing._replace(**{name: getattr(drawn.draws, name) for name in effect.fields})
    return Epoch(
        drawn.rows,
        draws,
        drawn.positions,
        contexts=drawn.contexts if effect.is_context else None,
        rectangles=drawn.rectangles if effect.is_masked else None,
    )


def caption_of(effect: Effect, params: ClipParams, drawn: Epoch, nothing: Draws, slot: int) -> str:
    """Return what was drawn of an effect for a slot, in words; "" where it changes nothing."""
    if effect.is_context:
        return _context(drawn.contexts, params, slot)
    if effect.is_masked:
        return _masks(drawn.rectangles, slot)
    values = {name: getattr(drawn.draws, name)[slot] for name in effect.fields}
    first = effect.fields[0]
    is_clipped = effect.name == "level" and values["overdrive"]
    if np.array_equal(values[first], getattr(nothing, first)[slot]) and not is_clipped:
        return ""
    return _WORDS[effect.name](params, values)


def _pitch(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    return f"{pitch_grid(params.pitch_shift)[int(values['pitch'])]:+.3g} semitones"


def _stretch(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    return f"{float(values['stretch']):.2f}× as fast"


def _shift(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    return f"{1000 * int(values['shift']) / params.sample_rate:+.0f} ms"


def _room(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    return f"at {float(values['room']):.0%} of the responses"


def _background(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    ratio = float(values["background_snr_db"])
    if math.isfinite(ratio):
        return f"{ratio:.1f} dB below the word"
    return f"{_db(values['background_gain']):.1f} dB"


def _level(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    if values["overdrive"]:
        return f"clipped, peaks {_db(values['overdrive']):.1f} dB above full scale"
    return f"{_db(values['gain']):+.1f} dB"


def _noise(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    exponent = float(params.colours[int(values["noise_colour"])])
    colour = f", falling as 1/f^{exponent:.2g}" if exponent else ""
    return f"{_db(values['noise_gain']):.0f} dB{colour}"


def _equalizer(params: ClipParams, values: dict[str, np.ndarray]) -> str:
    gains = values["equalizer_db"]
    return f"{gains.min():+.1f} to {gains.max():+.1f} dB"


_WORDS: dict[str, Callable[[ClipParams, dict[str, np.ndarray]], str]] = {
    "shifted": _shift,
    "pitch": _pitch,
    "stretched": _stretch,
    "room": _room,
    "background": _background,
    "level": _level,
    "noise": _noise,
    "equalizer": _equalizer,
}


def _context(contexts: ContextDraws | None, params: ClipParams, slot: int) -> str:
    if contexts is None or not contexts.is_placed[slot]:
        return ""
    if contexts.is_cut[slot] and params.context_window_ms:
        side = "left" if contexts.cut[slot] < 0 else "right"
        return f"{abs(float(contexts.cut[slot])):.0%} cut on the {side}"
    if params.context_window_ms:
        return f"at {float(contexts.place[slot]):.0%} of the window"
    return f"{1000 * int(contexts.shift[slot]) / params.sample_rate:+.0f} ms"


def _masks(rectangles: np.ndarray | None, slot: int) -> str:
    if rectangles is None:
        return ""
    sides = rectangles[slot].astype(int)
    sizes = (sides[:, 1] - sides[:, 0], sides[:, 3] - sides[:, 2])
    covered = [f"{frames} × {features}" for frames, features in zip(*sizes, strict=True)]
    shown = [text for text, a, b in zip(covered, *sizes, strict=True) if a and b]
    return f"{', '.join(shown)} (frames × features)" if shown else ""


def _db(factor: np.ndarray) -> float:
    return 20.0 * math.log10(max(float(factor), 1e-9))
