"""Speed and memory of listening to a stream.

    python benchmarks/stream.py LOGDIR [--minutes 10] [--method windows]

The stream is noise of changing loudness, in chunks of a tenth of a second. Run it with
`taskset -c 0` for the speed on one core.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

import open_seq2seq
from open_seq2seq.streaming import StreamingDetector

_CHUNK_S = 0.1


def memory_mb() -> float:
    """Return this process's resident memory."""
    n_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return n_pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logdir", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--method", choices=["windows", "incremental"], default="windows")
    args = parser.parse_args()
    detector = StreamingDetector(open_seq2seq.from_pretrained(args.logdir), method=args.method)
    random = np.random.default_rng(0)
    chunk = round(_CHUNK_S * detector.sample_rate)
    chunks = random.integers(-3000, 3000, (100, chunk)).astype(np.int16)
    for each in chunks:  # compiles, and fills the first windows
        detector.push(each)
    memory = memory_mb()
    n_chunks = round(60 * args.minutes / _CHUNK_S)
    n_events, started = 0, time.perf_counter()
    for index in range(n_chunks):
        n_events += len(detector.push(chunks[index % len(chunks)]))
    seconds = time.perf_counter() - started
    products = ""
    if detector.products_per_second is not None:
        products = f", {detector.products_per_second / 1e6:.2f} million multiply-adds a second"
    print(
        f"{args.method}: {args.minutes:g} minutes in {seconds:.1f} s, real-time factor "
        f"{seconds / (60 * args.minutes):.4f}, memory {memory_mb() - memory:+.1f} MB{products}"
    )


if __name__ == "__main__":
    main()
