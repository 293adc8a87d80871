"""Time and memory of predictions by a model that stays loaded.

    python benchmarks/predict.py LOGDIR [--calls 200] [--files 4000]

The clips are noise of many lengths: neither the time nor the memory depends on what is said. The
first call of each kind compiles, and is timed by itself.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import open_seq2seq
from open_seq2seq.pretrained import PretrainedModel

_RATE = 16000
_LONGEST_S = 4.0


def memory_mb() -> float:
    """Return this process's resident memory."""
    n_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return n_pages * resource.getpagesize() / 1e6


def seconds(model: PretrainedModel, n_clips: int, random: np.random.Generator) -> float:
    """Return the duration of one call with clips of random lengths."""
    lengths = random.integers(_RATE // 10, int(_LONGEST_S * _RATE), n_clips)
    clips = [0.1 * random.standard_normal(length).astype(np.float32) for length in lengths]
    started = time.perf_counter()
    model.predict(clips, sample_rate=_RATE)
    return time.perf_counter() - started


def time_files(model: PretrainedModel, n_files: int, random: np.random.Generator) -> None:
    """Print the speed with a folder of WAV files."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(n_files):
            samples = random.integers(-3000, 3000, _RATE, np.int16)
            soundfile.write(Path(folder, f"{index:05}.wav"), samples, _RATE)
        speeds = []
        for _ in range(4):
            started = time.perf_counter()
            model.predict(folder)
            speeds.append(n_files / (time.perf_counter() - started))
    print(
        f"{n_files:,} WAV files of one second: {statistics.median(speeds[1:]):,.0f} clips/s "
        f"({min(speeds[1:]):,.0f} to {max(speeds[1:]):,.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logdir", type=Path)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--files", type=int, default=4000, help="WAV files of one second")
    args = parser.parse_args()
    random = np.random.default_rng(0)
    started = time.perf_counter()
    model = open_seq2seq.from_pretrained(args.logdir)
    print(f"loading: {time.perf_counter() - started:.2f} s, TensorFlow's import included")
    time_files(model, args.files, random)
    for n_clips in (1, 30):
        first_s = seconds(model, n_clips, random)
        memory = memory_mb()
        calls_ms = [1000 * seconds(model, n_clips, random) for _ in range(args.calls)]
        growth_mb = memory_mb() - memory
        print(
            f"{n_clips} clips a call: first {first_s:.2f} s, then {args.calls} calls of "
            f"{statistics.median(calls_ms):.1f} ms (median; {min(calls_ms):.1f} to "
            f"{max(calls_ms):.1f}), memory {growth_mb:+.1f} MB"
        )


if __name__ == "__main__":
    main()
