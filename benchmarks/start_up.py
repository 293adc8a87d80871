"""Time until run.py answers, and time and memory to read a manifest of a million rows.

python benchmarks/start_up.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFIG = "example_configs/speech_commands/resnet50.py"
N_ROWS = 1_000_000
_READ = """
import sys, time, resource
from pathlib import Path
started = time.perf_counter()
from open_seq2seq.data.manifests import read_manifests
table = read_manifests([Path(sys.argv[1])], tuple(map(str, range(35))))
seconds = time.perf_counter() - started
peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"manifest of {len(table):,} rows: {seconds:.2f} s, peak memory {peak_gb:.2f} GB")
"""


def seconds(args: list[str], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "run.py", *args], cwd=ROOT, capture_output=True, check=False
        )
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    print(f"run.py --help: {seconds(['--help']):.2f} s")
    print(
        f"a mistake in the config: {seconds([f'--config_file={CONFIG}', '--batch_size=3']):.2f} s"
    )
    with tempfile.TemporaryDirectory() as folder:
        # a hundred folders of a thousand files, each in ten rows, as in a balanced manifest
        lines = ["label,word,speaker,path\n"]
        for i in range(100):
            word_folder = Path(folder, f"word{i}")
            word_folder.mkdir()
            for j in range(N_ROWS // 1000):
                (word_folder / f"{j:08x}_nohash_0.wav").touch()
                lines += [f"{i % 35},word{i},{j:08x},word{i}/{j:08x}_nohash_0.wav\n"] * 10
        manifest = Path(folder, "big-train.csv")
        manifest.write_text("".join(lines))
        subprocess.run([sys.executable, "-c", _READ, str(manifest)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
