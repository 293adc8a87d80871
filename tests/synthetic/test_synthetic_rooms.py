"""Rooms that are made: what is drawn, how they sound, and the command."""

from __future__ import annotations

import builtins

import numpy as np
import pandas as pd
import pytest
import soundfile

from open_seq2seq.commands import rooms as command
from open_seq2seq.data.rooms import Rooms, find_responses
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.rooms import draw_room, make_rooms

RATE, SPEED_M_S = 16000, 343.0
DELAY = 40  # samples by which pyroomacoustics' filters of 81 taps delay


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("pyroomacoustics", reason="the extra `rooms` is not installed")
    folder = tmp_path_factory.mktemp("made") / "rooms"
    command.main([f"--output_dir={folder}", "--rooms=4", "--seed=2"])
    return folder


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folder, tmp_path):
    names = {path.name for path in folder.iterdir()}
    assert names == {"README.md", "rooms.csv", *(f"room{i:04}.wav" for i in range(4))}
    make_rooms(tmp_path / "again", 4, 2)
    make_rooms(tmp_path / "fewer", 2, 2)
    make_rooms(tmp_path / "other", 2, 3)
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    for number in (0, 1):
        name = f"room{number:04}.wav"
        assert (tmp_path / "fewer" / name).read_bytes() == (folder / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


def test_responses_have_the_delay_and_the_decay_that_were_drawn(folder):
    table = pd.read_csv(folder / "rooms.csv")
    assert list(table.path) == [f"room{i:04}.wav" for i in range(4)]
    for room in table.itertuples():
        response, rate = soundfile.read(folder / room.path)
        assert rate == RATE and np.abs(response).max() == pytest.approx(0.9, abs=1e-3)
        direct = round(room.distance_m / SPEED_M_S * RATE) + DELAY
        first = np.flatnonzero(np.abs(response) > 0.4)[0]
        assert abs(first - direct) <= 2
        # Schroeder's integral, from -5 to -25 dB; Sabine's formula is rough in rooms of boxes
        energy = np.cumsum(response[::-1] ** 2)[::-1]
        level_db = 10 * np.log10(energy / energy[0] + 1e-12)
        rt60_s = 3 * (np.argmax(level_db < -25) - np.argmax(level_db < -5)) / RATE
        assert 0.2 * room.rt60_s < rt60_s < 2.5 * room.rt60_s
    used = Rooms(find_responses(str(folder)), RATE, 16512)
    clip = np.zeros((1, 16512), np.int16)
    clip[0, 3000] = 10000
    heard = used.reverberate(clip, np.array([16000]), np.array([0.5], "f4"))[0]
    assert abs(np.abs(heard).argmax() - 3000) <= 16 or np.abs(heard[3000]) > 1000


def test_places_are_inside_and_rooms_differ():
    rooms = [draw_room(0, number) for number in range(500)]
    for room in rooms:
        for place in (room.source_m, room.microphone_m):
            assert (place >= 0.3 - 1e-9).all() and (place <= room.size_m - 0.3 + 1e-9).all()
        # Sabine: 0.161 s/m for 343 m/s, as everywhere
        sides = room.size_m.prod() / room.size_m
        sabine_s = 0.161 * room.size_m.prod() / (2 * sides.sum() * room.absorption)
        assert room.rt60_s == pytest.approx(sabine_s, rel=2e-3)
    distances = np.array([room.distance_m for room in rooms])
    assert distances.min() >= 0.2 and distances.max() <= 5.0
    assert (distances < 0.5).mean() > 0.2 and (distances > 1.5).mean() > 0.1
    decays = np.array([room.rt60_s for room in rooms])
    assert decays.min() < 0.2 and 0.75 < decays.max() <= 0.81


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), r"rooms: 0, expected 1 or more"),
        ((3, -1), r"seed: -1, expected 0 or more"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        make_rooms(tmp_path / "rooms", *arguments)
    assert not (tmp_path / "rooms").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    pytest.importorskip("pyroomacoustics", reason="the extra `rooms` is not installed")
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UserError, match=r"is not an empty folder"):
        make_rooms(tmp_path, 1, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_the_extra_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pyroomacoustics":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match=r'pip install "open-seq2seq-speech-commands\[rooms\]"'):
        make_rooms(tmp_path / "rooms", 1, 0)
    assert not (tmp_path / "rooms").exists()
