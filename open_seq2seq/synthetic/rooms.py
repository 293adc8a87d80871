"""Impulse responses of rooms that do not exist: boxes, by the image source method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import soundfile

from open_seq2seq.errors import UserError, counted
from open_seq2seq.synthetic.streams import generator
from open_seq2seq.system.new_folder import new_folder

SAMPLE_RATE = 16000
_SPEED_M_S = 343.0
_LONGEST_S = 0.6  # of a response, and so of the paths of reflections
_SMALLEST_M = np.array([2.2, 2.0, 2.2])  # a small bathroom
_LARGEST_M = np.array([10.0, 8.0, 4.0])  # a classroom
_RT60_S = (0.15, 0.8)
_DISTANCE_M = (0.2, 5.0)
_FROM_WALLS_M = 0.3
_ABSORPTION = (0.03, 0.95)  # of what walls can have
_PEAK = 0.9

_README = """\
Impulse responses of {rooms} made by open-seq2seq-rooms: room_responses of a data layer names
this folder. Boxes without furniture, by the image source method of pyroomacoustics, 16 kHz.

Seed: {seed}. The same seed gives the same rooms, with any number of them.
rooms.csv has what was drawn: size in metres, reverberation time (RT60, by Sabine's formula) in
seconds, distance of source and microphone in metres, and the absorption of all walls.
"""


class Room(NamedTuple):
    """A box, with somebody who speaks and a microphone in it."""

    size_m: np.ndarray  # [3]
    rt60_s: float
    absorption: float  # of the energy, at each reflection
    source_m: np.ndarray  # [3], from a corner
    microphone_m: np.ndarray  # [3]

    @property
    def distance_m(self) -> float:
        """From mouth to microphone."""
        return float(np.linalg.norm(self.source_m - self.microphone_m))


def make_rooms(
    output_dir: Path, n_rooms: int, seed: int, on_progress: Callable[[int], None] = lambda n: None
) -> int:
    """Write the responses of ``n_rooms`` rooms, and what was drawn for each.

    The same seed gives the same bytes. The folder appears when all is written.

    Args:
        output_dir: a folder that does not exist or is empty.
        n_rooms: at least 1.
        seed: 0 or more.
        on_progress: called with the number of rooms done since the last call.

    Returns:
        the number of rooms.

    Raises:
        UserError: an argument is invalid, ``output_dir`` cannot be written, or pyroomacoustics is
            missing.
    """
    if n_rooms < 1:
        raise UserError(f"rooms: {n_rooms}, expected 1 or more")
    if seed < 0:
        raise UserError(f"seed: {seed}, expected 0 or more")
    simulator = _simulator()
    lines = ["path,length_m,width_m,height_m,rt60_s,distance_m,absorption"]
    digits = max(4, len(str(n_rooms - 1)))
    with new_folder(output_dir) as folder:
        for number in range(n_rooms):
            room, name = draw_room(seed, number), f"room{number:0{digits}}.wav"
            response = simulate(room, simulator)
            soundfile.write(folder / name, response, SAMPLE_RATE, subtype="PCM_16")
            values = (*room.size_m, room.rt60_s, room.distance_m, room.absorption)
            lines.append(",".join([name, *(f"{value:.3f}" for value in values)]))
            on_progress(1)
        texts = {
            "rooms.csv": "".join(f"{line}\n" for line in lines),
            "README.md": _README.format(rooms=counted(n_rooms, "room"), seed=seed),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return n_rooms


def draw_room(seed: int, number: int) -> Room:
    """Draw a room; what is drawn depends on seed and number alone."""
    random = generator(seed, "room", number)
    size_m = random.uniform(_SMALLEST_M, _LARGEST_M)
    # Sabine: RT60 = 24 ln(10) / speed * volume / (surface * absorption)
    sides = size_m.prod() / size_m
    sabine_s = 24 * np.log(10) / _SPEED_M_S * size_m.prod() / (2 * sides.sum())
    rt60_s = random.uniform(*_RT60_S)
    absorption = float(np.clip(sabine_s / rt60_s, *_ABSORPTION))
    source_m, microphone_m = _places(random, size_m)
    return Room(size_m, float(sabine_s / absorption), absorption, source_m, microphone_m)


def _places(random: np.random.Generator, size_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw where microphone and source are: near each other as often as far apart."""
    nearest, farthest = _DISTANCE_M
    while True:
        microphone_m = random.uniform(_FROM_WALLS_M, size_m - _FROM_WALLS_M)
        direction = random.standard_normal(3) * (1.0, 1.0, 0.3)  # mouths are not on the ceiling
        distance_m = np.exp(random.uniform(np.log(nearest), np.log(farthest)))
        source_m = microphone_m + distance_m * direction / np.linalg.norm(direction)
        if (source_m > _FROM_WALLS_M).all() and (source_m < size_m - _FROM_WALLS_M).all():
            return source_m, microphone_m


def simulate(room: Room, simulator: ModuleType) -> np.ndarray:
    """Return the response of a room, float64 [samples], of peak 0.9.

    Args:
        room: as drawn.
        simulator: the module pyroomacoustics.
    """
    # a path of n reflections is at least about n times the smallest side long
    longest_m = _SPEED_M_S * min(_LONGEST_S, room.rt60_s)
    box = simulator.ShoeBox(
        room.size_m,
        fs=SAMPLE_RATE,
        materials=simulator.Material(room.absorption),
        max_order=int(np.ceil(longest_m / room.size_m.min())),
    )
    box.add_source(room.source_m)
    box.add_microphone(room.microphone_m)
    box.compute_rir()
    response = np.asarray(box.rir[0][0])[: round(_LONGEST_S * SAMPLE_RATE)]
    return _PEAK / np.abs(response).max() * response


def _simulator() -> ModuleType:
    """Import pyroomacoustics, and have it add up reflections in one order."""
    try:
        import pyroomacoustics
    except ImportError:
        raise UserError(
            "rooms: need pyroomacoustics, not installed here; "
            'pip install "open-seq2seq-speech-commands[rooms]"'
        ) from None
    pyroomacoustics.constants.set("num_threads", 1)  # sums of threads round by their number
    return pyroomacoustics
