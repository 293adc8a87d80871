"""Speed of the data path with rooms, noise at a ratio, equalizer, levels and colours, in clips/s.

    python benchmarks/acoustics.py [--manifest data/speech_commands/v2-train.csv]

Each is measured alone and all of them together, in turns with today's augmentation, whose clips/s
they are compared with. On a busy machine the CPU time of a clip is the steadier figure. Without a
manifest the clips are generated noise, and without --room_responses the rooms are decaying noise.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from data_path import make_manifest

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.system.paths import user_path

RATE = 16000


def make_sounds(folder: Path, n_responses: int) -> tuple[Path, Path]:
    """Write decaying noise of half a second for rooms, and a minute of noise."""
    rng = np.random.default_rng(1)
    rooms, noise = folder / "rooms", folder / "noise"
    rooms.mkdir()
    noise.mkdir()
    seconds = np.arange(RATE // 2) / RATE
    for i in range(n_responses):
        response = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / rng.uniform(0.2, 0.8))
        soundfile.write(rooms / f"{i:03}.wav", 0.1 * response, RATE, subtype="FLOAT")
    soundfile.write(noise / "noise.wav", 0.1 * rng.standard_normal(60 * RATE), RATE)
    return rooms, noise


def variants(rooms: str, noise: str) -> dict[str, dict[str, Any]]:
    recorded = {"background_noise": noise}
    ratio = recorded | {"background_snr_db_min": 0.0, "background_snr_db_max": 20.0}
    room = {"room_responses": rooms, "room_prob": 0.5}
    equalizer = {"eq_db": 6.0}
    levels = {"gain_db_min": -20.0, "gain_db_max": 6.0, "clip_prob": 0.1}
    colours = {"noise_colour_max": 2.0}
    return {
        "today": {},
        "today, recorded noise": recorded,
        "noise at a ratio": ratio,
        "rooms": room,
        "equalizer": equalizer,
        "gain and clipping": levels,
        "colours": colours,
        "all": ratio | room | equalizer | levels | colours,
    }


def speed(dataset: Dataset, batch_size: int, n_batches: int, epoch: int) -> tuple[float, float]:
    """Clips/s, and clips per second of CPU time."""
    plan = Sampler(len(dataset), batch_size).for_training(0, epoch, shuffle=True)
    batches = dataset.batches(plan, epoch)
    started, cpu_started = time.perf_counter(), time.process_time()
    for _, (batch,) in zip(range(n_batches), batches, strict=False):
        batch.features.numpy()
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    batches.close()
    return n_batches * batch_size / seconds, n_batches * batch_size / cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=user_path)
    parser.add_argument("--room_responses", type=user_path)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", help="one of the variants, beside today's augmentation")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = args.manifest or make_manifest(Path(folder), 16 * args.batch_size)
        rooms, noise = make_sounds(Path(folder), n_responses=200)
        datasets = {}
        for name, params in variants(str(args.room_responses or rooms), str(noise)).items():
            if args.only in (None, name) or name == "today":
                datasets[name] = SpeechCommandsDataLayer(
                    dataset_files=[str(manifest)],
                    augment_data=True,
                    cache_data="waveforms",
                    shuffle=True,
                    **params,
                ).open(training=True, seed=0)
        speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in datasets}
        for epoch in range(args.repeats + 1):  # the first one compiles
            for name, dataset in datasets.items():
                speeds[name].append(speed(dataset, args.batch_size, 16, epoch))
        today = np.array(speeds["today"][1:])
        for name, each in speeds.items():
            rates = np.array(each[1:])
            ratios = rates / today
            clips_per_s, by_cpu = np.median(rates, axis=0)
            ratio, cpu_ratio = np.median(ratios, axis=0)
            print(
                f"{name:22} {clips_per_s:6.0f} clips/s, {ratio:4.0%} of today's "
                f"({ratios[:, 0].min():.0%} to {ratios[:, 0].max():.0%}); "
                f"{1000 / by_cpu:.3f} ms of CPU a clip, {cpu_ratio:4.0%}"
            )


if __name__ == "__main__":
    main()
