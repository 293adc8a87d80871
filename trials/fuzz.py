"""Bad inputs by the thousand: WAV and FLAC files, manifests, configs, archives, NeMo's archives and
checkpoints.

    python trials/fuzz.py [--inputs 10000] [--seed 0] [--kinds audio nemo] [--first 4711 --inputs 1]

Each is used rightly or refused in words; the exit status is 1 if one was not. A failure is named by
kind, seed and
input: --kinds, --seed and --first try it again alone.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.fuzzing import harness, million_rows

# shares of all inputs
KINDS = {
    "audio": 0.25,
    "manifests": 0.25,
    "configs": 0.2,
    "tars": 0.1,
    "nemo": 0.1,
    "checkpoints": 0.1,
}
CHUNK = 250  # inputs of one process
MEMORY_BYTES = (
    8 << 30
)  # of address space, so that a bomb that goes off is an error and no dead machine
PATIENCE_S = (
    3 * harness.LIMIT_S
)  # the process ends an input itself, unless it hangs where Python cannot interrupt it


def run_chunk(
    kind: str, seed: int, indices: range, folder: Path, results: multiprocessing.SimpleQueue
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    inputs = folder / "inputs"
    inputs.mkdir()
    fuzzer = import_module(f"tests.support.fuzzing.{kind}").Fuzzer(inputs)
    results.put(harness.run(fuzzer, seed, indices, folder / "note"))


def watch_chunk(kind: str, seed: int, indices: range) -> harness.Report:
    """Run some inputs in a process of their own, which may crash or hang."""
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name), multiprocessing.SimpleQueue()
        process = multiprocessing.Process(
            target=run_chunk, args=(kind, seed, indices, folder, results)
        )
        process.start()
        note, before = folder / "note", None
        while process.is_alive() and results.empty():
            process.join(PATIENCE_S if before else 1.0)
            now = (
                note.read_text() if note.exists() else ""
            ) or None  # empty: caught while it is written
            if process.is_alive() and before is not None and now == before and results.empty():
                process.kill()
            before = now
        if results.empty():
            process.join()
            return harness.Report(
                failures=(f"{before}: the process hung or crashed, exit code {process.exitcode}",)
            )
        report = results.get()
        process.join()
        return report


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=10_000, help="in all, or of each of --kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first input of each kind"
    )
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS))
    args = parser.parse_args()
    print(
        f"{'kind':<14}{'inputs':>8}{'accepted':>10}{'refused':>9}{'failures':>10}{'slowest, s':>12}{'all, s':>8}"
    )
    total = harness.Report()
    for kind in args.kinds or KINDS:
        n_inputs = args.inputs if args.kinds else round(KINDS[kind] * args.inputs)
        started, report, end = time.perf_counter(), harness.Report(), args.first + n_inputs
        for first in range(args.first, end, CHUNK):
            report += watch_chunk(kind, args.seed, range(first, min(first + CHUNK, end)))
        show(kind, report, time.perf_counter() - started)
        total += report
    if not args.kinds:
        started = time.perf_counter()
        report = million_rows.run()
        show("million rows", report, time.perf_counter() - started)
        total += report
    for failure in total.failures:
        print(f"\n{failure}")
    return 1 if total.failures else 0


def show(kind: str, report: harness.Report, seconds: float) -> None:
    counts = report.n_accepted, report.n_refused, len(report.failures)
    line = "".join(
        f"{n:>{width},}" for n, width in zip((sum(counts), *counts), (8, 10, 9, 10), strict=True)
    )
    print(f"{kind:<14}{line}{report.slowest_s:>12.2f}{seconds:>8.0f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
