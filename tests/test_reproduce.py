"""The table of results: what is in it, and whether a row that is run again is told apart."""

import json
import re
import sys

import pytest

from benchmarks import reproduce
from open_seq2seq.evaluation import wilson_interval
from open_seq2seq.storage import evaluations
from tests.support.paths import EXAMPLES

ROWS = [reproduce.Row(**row) for row in json.loads(reproduce.RESULTS.read_text())]
VERSIONS = ("v1-12", "v1-30", "v2", "v2-12")
RUN = {"n_val": 80, "n_test": 400, "minutes": 1.0, "cpu_minutes": 2.0, "machine": "C"}


def test_the_page_has_the_table_of_the_rows():
    assert reproduce.table(ROWS) in reproduce.PAGE.read_text(encoding="utf-8")


def test_every_shipped_config_has_a_row_for_every_dataset_that_it_takes():
    names = {row.name for row in ROWS}
    configs = {path.stem for path in EXAMPLES.glob("*.py")} - {"__init__", "common"}
    for config in configs:
        with_unknown = config.startswith("detector")
        versions = [v for v in VERSIONS if not with_unknown or v.endswith("12")]
        assert {f"{config}/{data}" for data in (*versions, "real")} <= names


@pytest.fixture
def row_of_two_seeds(tmp_path):
    """A row with 90 and 92 % of 400 clips, and its data, which is there."""
    runs = [{"seed": seed, "val": 0.9, "test": test, **RUN} for seed, test in ((0, 0.9), (1, 0.92))]
    row = {"config": "demo", "data": "v1-12", "flags": ["--num_epochs=3"], "prepare": []}
    results = tmp_path / "results.json"
    results.write_text(json.dumps([row | {"runs": runs}]))
    labels = tmp_path / "work" / "prepared-v1-12" / "v1-12-labels.txt"
    labels.parent.mkdir(parents=True)
    labels.touch()
    return results


@pytest.fixture
def again(monkeypatch, row_of_two_seeds, tmp_path, capsys):
    """A function that runs the row again, with an accuracy that it comes out with."""
    commands = []

    def main(top1, *flags, rows=("demo/v1-12",)):
        def train(*command):
            commands.append(command)
            record = evaluations.EvaluationRecord.model_construct(top1=top1, n_clips=400)
            monkeypatch.setattr(evaluations, "load", lambda logdir, split: (record, None))

        monkeypatch.setattr(reproduce, "run", train)
        work = [f"--results={row_of_two_seeds}", f"--work_dir={tmp_path / 'work'}"]
        monkeypatch.setattr(sys, "argv", ["reproduce.py", *rows, *work, *flags])
        with pytest.raises(SystemExit) as ended:
            reproduce.main()
        return ended.value.code, capsys.readouterr().out, commands

    return main


def test_a_row_is_within_from_the_lowest_seeds_interval_to_the_highest(again):
    low, high = wilson_interval(0.9, 400)[0], wilson_interval(0.92, 400)[1]
    for top1, status in ((low + 0.001, 0), (high - 0.001, 0), (low - 0.001, 1), (high + 0.001, 1)):
        code, out, _ = again(top1)
        assert code == status
        assert re.search(f"{'NOT ' if status else ''}within {low:.1%} to {high:.1%}", out)


def test_it_trains_the_shipped_config_with_the_flags_of_the_row(again):
    _, _, ((script, *flags),) = again(0.9, "--seed=5")
    assert script == "run.py"
    wanted = {"--config_file=speech_commands/demo", "--dataset_version=v1-12", "--random_seed=5"}
    assert wanted | {"--num_epochs=3"} <= set(flags)


def test_what_is_recorded_takes_the_place_of_the_same_seed(again, row_of_two_seeds):
    again(0.91, "--seed=1", "--record=D")
    (row,) = json.loads(row_of_two_seeds.read_text())
    assert [(run["seed"], run["test"], run["machine"]) for run in row["runs"]] == [
        (0, 0.9, "C"),
        (1, 0.91, "D"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo/v9"], "no such row; --list"),
        (["demo/real"], "--data_dir must say"),
        (["demo/v2", "--results=nowhere.json"], "nowhere.json: no file of rows"),
        (["demo/v2", f"--results={__file__}"], "no file of rows"),
    ],
)
def test_a_wrong_row_is_refused(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        reproduce.main()
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_a_run_that_is_there_is_not_measured_again(again, tmp_path):
    (tmp_path / "work/runs/demo/v1-12-0").mkdir(parents=True)
    code, _, commands = again(0.9, "--record=D")
    assert code == 2 and not commands


def test_a_row_that_is_named_twice_is_run_once(again):
    _, _, commands = again(0.9, rows=["demo/v1-12"] * 2)
    assert len(commands) == 1
