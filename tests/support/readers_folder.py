"""A folder in which every documented command can run: what readers have, made in seconds."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from open_seq2seq import cli
from open_seq2seq.commands import prepare, tracks
from open_seq2seq.data.dataset_versions import V2_WORDS
from tests.support.paths import ROOT
from tests.support.tones import SAMPLE_RATE, make_tone, save_wav

OWN_WORDS = ("lamp", "door", "stop", "happy")
RUN = Path("readers_run")
_SPLITS = {"train": 3, "val": 1, "test": 1}  # speakers


def make(folder: Path, conversion: str) -> None:
    """Fill a folder: recordings, manifests, trained runs, tracks, and files to hear.

    Args:
        folder: an empty one.
        conversion: the program that makes this toolkit's manifests of NeMo's.
    """
    before = Path.cwd()
    os.chdir(folder)
    try:
        for release in ("speech_commands/v0.01", "speech_commands/v0.02"):
            _say(Path("data") / release, V2_WORDS)
        for own in ("data/mine", "data/own"):
            _say(Path(own), [*OWN_WORDS, "bed", "cat", "tree"])
        for version in ("v1-12", "v1-30", "v2", "v2-12"):
            _prepare("data/speech_commands/v0.02", f"--dataset_version={version}")
        _prepare("data/mine", "--keywords=lamp,door,stop")
        _prepare("data/speech_commands/v0.02", "--output_dir=data/demo", "--dataset_version=v1-12")
        _prepare("data/mine", "--keywords=lamp", "--output_dir=data/lamp")
        _files_to_hear()
        _nemo_manifests()
        exec(conversion, {})
        _train()
        for split in ("val", "test"):
            manifest = f"--manifest=data/demo/v1-12-{split}.csv"
            tracks.main([f"--output_dir=tracks/{split}", manifest, "--background=own"])
    finally:
        os.chdir(before)


def _say(folder: Path, words: Sequence[str]) -> None:
    """Write clips of words, each a tone of its own, by five speakers."""
    rng = np.random.default_rng(0)
    lists: dict[str, list[str]] = {"val": [], "test": []}
    for number, word in enumerate(words):
        speaker = 0
        for split, n_speakers in _SPLITS.items():
            for _ in range(n_speakers):
                name = f"{word}/{speaker:08x}_nohash_0.wav"
                tone = make_tone(200 * 2 ** (number / 8), rng.uniform(0.5, 0.9), 0.3)
                save_wav(folder / name, tone + rng.normal(0, 0.003, len(tone)))
                if split in lists:
                    lists[split].append(name)
                speaker += 1
    for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt")):
        (folder / name).write_text("".join(f"{clip}\n" for clip in lists[split]))
    noise = rng.normal(0, 0.02, 20 * SAMPLE_RATE)
    save_wav(folder / "_background_noise_" / "noise.wav", noise)


def _prepare(data_dir: str, *flags: str) -> None:
    prepare.main([f"--data_dir={data_dir}", *flags])


def _files_to_hear() -> None:
    rng = np.random.default_rng(1)
    clip = make_tone(700.0, 1.0, 0.3)
    for name in ("clip.wav", "clip1.wav"):
        save_wav(Path(name), clip)
    save_wav(Path("clip2.flac"), clip)
    save_wav(Path("track.wav"), rng.normal(0, 0.05, 5 * SAMPLE_RATE))
    for name in ("FOLDER", "MUSIC", "recordings"):
        for number in range(2):
            save_wav(Path(name) / f"{number}.wav", rng.normal(0, 0.05, 6 * SAMPLE_RATE))


def _nemo_manifests() -> None:
    """Write manifests as NeMo has them."""
    splits: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    names = ["train"] * 3 + ["validation", "test"]  # the order of `_SPLITS`
    for word in OWN_WORDS:
        for name, path in zip(names, sorted(Path("data/own", word).iterdir()), strict=True):
            clip = {"audio_filepath": str(path), "duration": 1.0, "command": word}
            splits[name].append(json.dumps(clip))
    for name, lines in splits.items():
        Path(f"{name}.json").write_text("\n".join(lines))


def _train() -> None:
    """Train a network of MatchboxNet's kind in seconds, and two of keywords of one's own."""
    config = ROOT / "tests" / "support" / "readers_config.py"
    flags = [f"--config_file={config}", "--mode=train_eval"]
    cli.main([*flags, f"--logdir={RUN}"])
    own = ["--dataset_version=keywords", "--max_steps=40"]
    for logdir, data in (("result/lamp", "data/lamp"), ("result/keywords", "data/speech_commands")):
        cli.main([*flags, *own, f"--dataset_location={data}", f"--logdir={logdir}"])
