"""Run rows of the table of results again, and say whether each comes out within its interval.

    python benchmarks/reproduce.py --list
    python benchmarks/reproduce.py matchboxnet3x1x64/v1-12
    python benchmarks/reproduce.py matchboxnet3x1x64/real --data_dir=DIR

A row is a shipped config on one of these: synthetic speech (v1-12, v1-30, v2, v2-12), real voices
(real: the recordings of ten labels in DIR), or the published dataset (full-v1-12 and so on, also in
DIR). Rows, with what was measured, stand in benchmarks/results.json; docs/results.md has the table.
Exit status 1: a row came out elsewhere; 2 and others: that of the script that failed.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from open_seq2seq.evaluation import wilson_interval
from open_seq2seq.storage import evaluations

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "results.md"
KEYWORDS = "yes,no,up,down,left,right,stop,go"
CLIPS_PER_WORD = 160
_TABLE = re.compile(r"(?<=<!-- rows -->\n).*?(?=<!-- end of rows -->)", re.DOTALL)


class Row(NamedTuple):
    """A config on a dataset; runs are those that were measured, one for each seed."""

    config: str
    data: str
    flags: list[str]  # of the training
    prepare: list[str]  # of the preprocessing
    runs: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """What --list shows."""
        return f"{self.config}/{self.data}"

    @property
    def version(self) -> str:
        """The dataset version of the preprocessing and of the config."""
        return "keywords" if self.data == "real" else self.data.removeprefix("full-")

    @property
    def is_synthetic(self) -> bool:
        """Whether its recordings are made here."""
        return self.data == self.version

    def interval(self) -> tuple[float, float] | None:
        """Return the ends of the 95 % intervals of all runs' test accuracy."""
        ends = [wilson_interval(run["test"], run["n_test"]) for run in self.runs]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="such as bcresnet/v2-12")
    parser.add_argument("--list", action="store_true", help="say which rows there are")
    parser.add_argument("--data_dir", type=Path, help="recordings, for rows that are not synthetic")
    parser.add_argument("--work_dir", type=Path, default=Path("result/reproduce"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS, help="another file of rows")
    parser.add_argument("--record", metavar="MACHINE", help="keep what comes out as measured there")
    args = parser.parse_args()
    try:
        listed = [Row(**each) for each in json.loads(args.results.read_text())]
    except (OSError, ValueError, TypeError) as error:
        parser.error(f"--results {args.results}: no file of rows ({error})")
    rows = {row.name: row for row in listed}
    if args.list or not args.rows:
        print("\n".join(f"{name:32}{says(row)}" for name, row in rows.items()))
        return
    names = dict.fromkeys(args.rows)  # each once
    for name in names:
        if name not in rows:
            parser.error(f"{name}: no such row; --list says which there are")
        if not rows[name].is_synthetic and args.data_dir is None:
            parser.error(f"{name}: --data_dir must say where its recordings are")
        logdir = logdir_of(rows[name], args)
        if logdir.exists():  # its training would go on where it ended
            parser.error(f"{name}: {logdir} is there; take it away, or name another --work_dir")
    is_within = []
    for name in names:
        is_within.append(reproduce(rows[name], args))
        if args.record:  # at once: the next row may take hours
            write(args.results, list(rows.values()))
    sys.exit(0 if all(is_within) else 1)


def reproduce(row: Row, args: argparse.Namespace) -> bool:
    """Train once, and say whether the test accuracy is within the row's interval."""
    data = prepared(row, args)
    logdir = logdir_of(row, args)
    what = [f"--config_file=speech_commands/{row.config}", f"--dataset_version={row.version}"]
    where = [f"--dataset_location={data}", f"--logdir={logdir}"]
    seed = f"--random_seed={args.seed}"
    started = time.monotonic(), cpu_s()
    run("run.py", "--mode=train_eval", *what, *where, seed, *row.flags)
    minutes, cpu_minutes = (time.monotonic() - started[0]) / 60, (cpu_s() - started[1]) / 60
    measured: dict[str, Any] = {"seed": args.seed}
    for split in ("val", "test"):
        record = evaluations.load(logdir, split)
        assert record is not None
        measured |= {split: record[0].top1, f"n_{split}": record[0].n_clips}
    interval = row.interval()
    is_within = interval is None or interval[0] <= measured["test"] <= interval[1]
    verdict = "within" if is_within else "NOT within"
    expected = f"{verdict} {ends(interval)}" if interval else "measured for the first time"
    print(f"{row.name}: test {measured['test']:.1%}, {expected}; {minutes:.1f} min", flush=True)
    if args.record:
        others = [run for run in row.runs if run["seed"] != args.seed]
        measured |= {"minutes": round(minutes, 1), "cpu_minutes": round(cpu_minutes, 1)}
        measured["machine"] = args.record
        row.runs[:] = sorted([*others, measured], key=lambda run: run["seed"])
    return is_within


def logdir_of(row: Row, args: argparse.Namespace) -> Path:
    """Return the logdir of a row's training with the seed that was asked for."""
    return args.work_dir / "runs" / row.config / f"{row.data}-{args.seed}"


def prepared(row: Row, args: argparse.Namespace) -> Path:
    """Return the folder of a row's manifests, which is made where it is not there."""
    where = [] if row.is_synthetic else [str(args.data_dir.resolve())]
    what = [row.data, *row.prepare, *where]
    kind = "prepared-" + "-".join(re.sub(r"[^\w.]+", "-", each) for each in what)
    folder = args.work_dir / kind
    if (folder / f"{row.version}-labels.txt").exists():
        return folder
    source = synthetic(row, args.work_dir) if row.is_synthetic else args.data_dir
    labels = (
        [f"--keywords={KEYWORDS}"]
        if row.version == "keywords"
        else [f"--dataset_version={row.version}"]
    )
    script = "scripts/speech_commands_preprocessing.py"
    run(script, f"--data_dir={source}", f"--output_dir={folder}", *labels, *row.prepare)
    return folder


def synthetic(row: Row, work_dir: Path) -> Path:
    """Return the folder of the synthetic words of a row's release, which is made likewise."""
    release = row.version[:2]
    folder = work_dir / f"synthetic-{release}"
    if not folder.exists():
        flags = [f"--version={release}", f"--clips_per_word={CLIPS_PER_WORD}"]
        run("scripts/make_synthetic_speech_commands.py", f"--output_dir={folder}", *flags)
    return folder


def run(script: str, *flags: str) -> None:
    """Run a script of the repository; its errors are shown, and end this one."""
    command = [sys.executable, str(ROOT / script), *flags]
    if status := subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        sys.exit(status)


def cpu_s() -> float:
    """Return the CPU time in seconds of all commands that were run."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def says(row: Row) -> str:
    """Return what was measured of a row, in a few words."""
    interval = row.interval()
    return f"test {ends(interval)}, {len(row.runs)} runs" if interval else "not run"


def ends(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.1%} to {interval[1]:.1%}"


# the table


def table(rows: list[Row]) -> str:
    """Return the table of docs/results.md."""
    titles = ["row", "flags", "seeds", "validation", "test", "interval", "clips"]
    titles += ["minutes", "CPU minutes", "machine"]
    lines = [titles, ["---"] * len(titles), *(cells(row) for row in rows)]
    return "".join(f"| {' | '.join(each)} |\n" for each in lines)


def cells(row: Row) -> list[str]:
    flags = " ".join(f"`{flag}`" for flag in [*row.prepare, *row.flags])
    if not row.runs:
        return [row.name, flags, *["not run"] + [""] * 7]
    interval = row.interval()
    assert interval is not None

    def of_runs(key: str, form: str) -> str:
        values = dict.fromkeys(format(run[key], form) for run in row.runs)
        return ", ".join(values)

    shares = [of_runs(split, ".1%").replace("%", " %") for split in ("val", "test")]
    machine = of_runs("machine", "")
    limits = ends(interval).replace("%", " %")
    counts = [of_runs("n_test", ","), of_runs("minutes", ".1f"), of_runs("cpu_minutes", ".1f")]
    return [row.name, flags, of_runs("seed", ""), *shares, limits, *counts, machine]


def write(results: Path, rows: list[Row]) -> None:
    """Keep the rows, and where they are the repository's, the table of docs/results.md."""
    text = json.dumps([row._asdict() for row in rows], indent=1)
    results.write_text(text + "\n", encoding="utf-8")
    if results == RESULTS:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_TABLE.sub(lambda _: table(rows), page), encoding="utf-8")


if __name__ == "__main__":
    main()
