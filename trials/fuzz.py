"""Fuzz test of all inputs: audio, manifests, configs, archives, NeMo's archives and checkpoints.

    python trials/fuzz.py [--inputs 10000] [--seed 0] [--kinds audio nemo] [--first 4711 --inputs 1]

Each input must be handled correctly or refused with a message; the exit status is 1 if one was not.
A failure is reported with kind, seed and number: --kinds, --seed and --first repeat it alone.
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

# fraction of all inputs
KINDS = {
    "audio": 0.25,
    "manifests": 0.25,
    "configs": 0.2,
    "tars": 0.1,
    "nemo": 0.1,
    "checkpoints": 0.1,
}
CHUNK = 250  # inputs per process
MEMORY_BYTES = 8 << 30  # of address space, so that a bomb is an error and not a dead machine
# the process stops a slow input itself, unless it hangs where Python cannot interrupt it
PATIENCE_S = 3 * harness.LIMIT_S


def run_chunk(
    kind: str, seed: int, indices: range, folder: Path, results: multiprocessing.SimpleQueue
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    inputs = folder / "inputs"
    inputs.mkdir()
    fuzzer = import_module(f"tests.support.fuzzing.{kind}").Fuzzer(inputs)
    results.put(harness.run(fuzzer, seed, indices, folder / "note"))


def watch_chunk(kind: str, seed: int, indices: range) -> harness.Report:
    """Run some inputs in a separate process, which may crash or hang."""
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name), multiprocessing.SimpleQueue()
        process = multiprocessing.Process(
            target=run_chunk, args=(kind, seed, indices, folder, results)
        )
        process.start()
        note, previous = folder / "note", ""
        while process.is_alive() and results.empty():
            process.join(PATIENCE_S if previous else 1.0)
            current = note.read_text() if note.exists() else ""  # empty while it is written
            if process.is_alive() and previous and current == previous and results.empty():
                process.kill()
            previous = current
        if results.empty():
            process.join()
            failure = f"{previous}: the process hung or crashed, exit code {process.exitcode}"
            return harness.Report(failures=(failure,))
        report = results.get()
        process.join()
        return report


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--inputs", type=int, default=10_000, help="total, or with --kinds for each kind"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first input of each kind"
    )
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS))
    args = parser.parse_args()
    print(
        f"{'kind':<14}{'inputs':>8}{'accepted':>10}{'refused':>9}{'failures':>10}"
        f"{'slowest, s':>12}{'total, s':>10}"
    )
    total = harness.Report()
    for kind in args.kinds or KINDS:
        n_inputs = args.inputs
        if not args.kinds:
            n_inputs = round(KINDS[kind] * args.inputs)
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
    return int(bool(total.failures))


def show(kind: str, report: harness.Report, seconds: float) -> None:
    n_failures = len(report.failures)
    n_inputs = report.n_accepted + report.n_refused + n_failures
    print(
        f"{kind:<14}{n_inputs:>8,}{report.n_accepted:>10,}{report.n_refused:>9,}{n_failures:>10,}"
        f"{report.slowest_s:>12.2f}{seconds:>10.0f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
