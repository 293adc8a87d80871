"""The preprocessing script from clips to manifests."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from open_seq2seq.commands import prepare as command
from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.data.manifests import read_labels, read_manifests
from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing import prepare as prepare_module
from open_seq2seq.preprocessing.prepare import put_in_place
from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "speech_commands_preprocessing.py"

# clip i is of speaker i; speakers 0 to 2 are in the validation list, 3 to 6 in the testing list
WORDS = {"yes": 27, "no": 15, "up": 30, "down": 8, "left": 9}
LISTS = {"val": {0, 1, 2}, "test": {3, 4, 5, 6}}


def _read(folder: Path, split: str, version: str = "keywords") -> pd.DataFrame:
    return pd.read_csv(folder / f"{version}-{split}.csv", keep_default_na=False)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_custom_keywords(make_dataset, tmp_path, capsys):
    data_dir, out = make_dataset(WORDS, **LISTS), tmp_path / "manifests"
    command.main(["--data_dir", str(data_dir), "--output_dir", str(out), "--keywords", "yes, no"])

    assert read_labels(out / "keywords-labels.txt") == ("yes", "no", "unknown", "silence")
    # 20 training clips of yes and 8 of no make 20 rows of each label; up, down and left have 23, 1
    # and 2 clips, and all of the rare words are drawn
    train = _read(out, "train")
    assert train["label"].value_counts().to_dict() == {0: 20, 1: 20, 2: 20, 3: 20}
    distinct = train.drop_duplicates("path")
    assert distinct["word"].value_counts().to_dict() == {
        "yes": 20,
        "no": 8,
        "up": 17,
        "down": 1,
        "left": 2,
        "silence": 20,
    }
    # 3 validation and 4 test clips of each keyword, so as many of unknown and silence; no copies
    for split, n in (("val", 3), ("test", 4)):
        rows = _read(out, split)
        assert rows["label"].value_counts().to_dict() == {0: n, 1: n, 2: n, 3: n}
        assert not rows["path"].duplicated().any()
        assert set(rows["speaker"]) == {""} | {f"{i:08x}" for i in LISTS[split]}

    counts = pd.read_csv(out / "keywords-summary.csv").set_index(["label", "split"])
    assert tuple(counts.loc[("no", "train")]) == (20, 12, 8)  # rows, copies, speakers
    assert tuple(counts.loc[("yes", "test")]) == (4, 0, 4)
    assert tuple(counts.loc[("silence", "val")]) == (3, 0, 0)
    summary = json.loads((out / "keywords-summary.json").read_text())
    assert summary["rows"] == {"train": 80, "val": 12, "test": 16}
    assert summary["copies"] == {"train": 12, "val": 0, "test": 0}
    assert summary["speakers_in_several_splits"] == 0
    assert (summary["seed"], summary["split_rule"]) == (0, "published lists")
    assert summary["balanced"]
    assert "--keywords 'yes, no'" in summary["command"]
    shown = capsys.readouterr().out
    assert "all rows" in shown and "speakers in more than one split: 0" in shown


def test_training_can_read_the_manifests(make_dataset, tmp_path):
    data_dir = make_dataset(WORDS, **LISTS, suffix=".flac")
    command.main(
        ["--data_dir", str(data_dir), "--output_dir", str(tmp_path / "out"), "--keywords", "yes,no"]
    )
    paths = [tmp_path / "out" / f"keywords-{split}.csv" for split in ("train", "val", "test")]
    rows = read_manifests(paths, read_labels(tmp_path / "out" / "keywords-labels.txt"))
    assert len(rows) == 108
    for split, path in zip(("train", "val", "test"), paths, strict=True):
        silence = read_manifests([path], ("yes", "no", "unknown", "silence")).query("label == 3")[
            "path"
        ]
        assert {Path(clip).parent for clip in silence} == {
            tmp_path / "out" / "keywords-silence" / split
        }
        assert soundfile.info(silence.iloc[0]).duration == 1


def test_paths_are_relative_if_the_dataset_is_in_the_output_folder(make_dataset, tmp_path):
    data_dir = make_dataset(WORDS, **LISTS)
    folder = tmp_path.resolve()
    for out, prefix in (
        (tmp_path, "clips/"),
        (data_dir, ""),
        (tmp_path / "out", f"{folder.as_posix()}/clips/"),
    ):
        command.main(
            ["--data_dir", str(data_dir), "--output_dir", str(out), "--keywords", "yes,no"]
        )
        rows = _read(out, "val")
        assert set(rows.loc[rows["word"] == "yes", "path"]) == {
            f"{prefix}yes/{i:08x}_nohash_0.wav" for i in range(3)
        }


def test_version_without_unknown_and_silence_needs_no_noise(make_dataset, tmp_path):
    words = dict.fromkeys(LABELS["v2"], 10) | {"zero": 12}
    data_dir = make_dataset(words, val={0}, test={1}, noise=False)
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(tmp_path / "out")]
    command.main([*arguments, "--dataset_version", "v2"])
    assert len(_read(tmp_path / "out", "train", "v2")) == 35 * 10
    command.main([*arguments, "--dataset_version", "v2", "--no_balance"])
    assert len(_read(tmp_path / "out", "train", "v2")) == 34 * 8 + 10
    assert not (tmp_path / "out" / "v2-silence").exists()
    with pytest.raises(UserError, match="silence needs noise"):
        command.main([*arguments, "--dataset_version", "v2-12"])


def test_random_split_counts_the_speakers_in_several_splits(make_dataset, tmp_path):
    data_dir, out = make_dataset(WORDS, **LISTS), tmp_path / "out"
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(out), "--keywords", "yes,up"]
    command.main([*arguments, "--split", "random"])
    n_rows = _read(out, "val")["word"].value_counts()
    assert (n_rows["yes"], n_rows["up"]) == (3, 3)  # clips 21 to 24 of 27, and 24 to 27 of 30
    rows = pd.concat([_read(out, split).assign(split=split) for split in ("train", "val", "test")])
    crossing = sum(len(set(own["split"])) > 1 for name, own in rows.groupby("speaker") if name)
    assert crossing > 0
    assert (
        json.loads((out / "keywords-summary.json").read_text())["speakers_in_several_splits"]
        == crossing
    )


def test_the_same_seed_produces_the_same_bytes(make_dataset, tmp_path):
    data_dir, out = make_dataset(WORDS, **LISTS), tmp_path / "out"
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(out), "--keywords", "yes,no"]
    command.main(arguments)
    first = _digests(out)
    command.main(arguments)
    assert _digests(out) == first
    command.main([*arguments, "--seed", "1"])
    other = _digests(out)
    assert first.keys() == other.keys()
    changed = {name for name in first if first[name] != other[name]}
    assert {
        "keywords-train.csv",
        "keywords-val.csv",
        "keywords-silence/val/silence_000000.wav",
    } <= changed
    assert "keywords-labels.txt" not in changed


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", ["write_manifest", "write_labels", "put_in_place"])
def test_an_interrupted_run_leaves_the_earlier_files(
    make_dataset, tmp_path, monkeypatch, failure, at
):
    data_dir, out = make_dataset(WORDS, **LISTS), tmp_path / "out"
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(out)]
    command.main([*arguments, "--keywords", "yes,no"])
    before = _digests(out)

    def fail(*_args: object) -> None:
        raise failure

    monkeypatch.setattr(prepare_module, at, fail)
    with pytest.raises(KeyboardInterrupt if failure is KeyboardInterrupt else UserError):
        command.main([*arguments, "--keywords", "up,no", "--seed", "1"])
    assert _digests(out) == before
    assert not list(out.glob(".*"))


def test_a_failed_move_is_undone_as_a_whole(tmp_path, monkeypatch):
    new, old, destination = (tmp_path / name for name in ("new", "old", "destination"))
    for folder in (new, old, destination):
        folder.mkdir()
    for name in ("a", "b", "d"):
        (destination / name).write_text("earlier")
    for name in ("a", "b", "c", "d"):
        (new / name).write_text("later")
    rename = os.rename

    def fail_on_d(source: Path, target: Path) -> None:
        if source == new / "d":
            raise OSError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_on_d)
    with pytest.raises(OSError, match="Permission denied"):
        put_in_place(new, destination, old)
    assert {path.name: path.read_text() for path in destination.iterdir()} == dict.fromkeys(
        "abd", "earlier"
    )
    monkeypatch.undo()
    put_in_place(new, destination, old)
    assert {path.name: path.read_text() for path in destination.iterdir()} == dict.fromkeys(
        "abcd", "later"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--keywords", "yes,no", "--dataset_version", "v1-12"],
            "--keywords yes,no and --dataset_version v1-12",
        ),
        (["--keywords", "yes,no,yes"], "'yes' is duplicated"),
        (["--keywords", "yes,,no"], "an empty word"),
        (["--keywords", ""], "an empty word"),
        (["--keywords", "yes,silence"], "'silence' is added by itself"),
        (["--keywords", "yes,downn"], "'downn' has no folder with clips, did you mean 'down'"),
        (["--keywords", "yes,no", "--seed", "-1"], "--seed -1: expected 0 or more"),
        ([], "--dataset_version v1-12: no clips for right, on, off, stop, go"),
    ],
)
def test_mistakes_write_nothing(make_dataset, tmp_path, arguments, message):
    data_dir, out = make_dataset(WORDS, **LISTS), tmp_path / "out"
    with pytest.raises(UserError, match=message):
        command.main(["--data_dir", str(data_dir), "--output_dir", str(out), *arguments])
    assert not out.exists()


def test_crossing_speakers_write_nothing(make_dataset, tmp_path):
    data_dir = make_dataset(WORDS, **LISTS)
    with open(data_dir / "validation_list.txt", "a") as file:
        file.write("up/0000000a_nohash_0.wav\n")  # the speaker's other clips are for training
    with pytest.raises(UserError, match="1 speakers have clips in several splits: 0000000a;"):
        command.main(
            [
                "--data_dir",
                str(data_dir),
                "--output_dir",
                str(tmp_path / "out"),
                "--keywords=yes,no",
            ]
        )
    assert not (tmp_path / "out").exists()


def test_unwritable_output_is_named(make_dataset, tmp_path):
    data_dir = make_dataset(WORDS, **LISTS)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--output_dir .*/file: cannot write there"):
        command.main(
            [
                "--data_dir",
                str(data_dir),
                "--output_dir",
                str(tmp_path / "file"),
                "--keywords=yes,no",
            ]
        )


def test_flags_cannot_be_abbreviated(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["--data_dir", "x", "--key", "yes"])
    assert stopped.value.code == 2
    assert "there is no flag --key, did you mean '--keywords'" in capsys.readouterr().err


def test_help_and_early_errors_do_not_import_pandas():
    code = (
        "import atexit, sys, runpy; "
        "atexit.register(lambda: print('LOADED', 'pandas' in sys.modules)); "
        "sys.argv = ['x', '--help']; "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0 and "--keywords A,B,C" in shown.stdout
    assert "LOADED False" in shown.stdout
    wrong = subprocess.run(
        [sys.executable, SCRIPT, "--data_dir", "/nowhere"],
        capture_output=True,
        text=True,
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: --data_dir /nowhere: no such folder")
    assert wrong.stderr.count("\n") == 1


@pytest.mark.slow
def test_real_clips(tmp_path):
    """Real clips are in the splits of their published lists, and no speaker is in two."""
    data_dir = Path(
        os.environ.get(
            "SPEECH_COMMANDS_REAL", ROOT.parent / "shared" / "data" / "speech_commands_real"
        )
    )
    if not data_dir.is_dir():
        pytest.skip(
            f"no real clips at {data_dir}; set SPEECH_COMMANDS_REAL to a folder of Speech Commands"
        )
    keywords = ["yes", "no", "up", "down", "left", "right", "stop", "go"]
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(tmp_path)]
    command.main([*arguments, "--keywords", ",".join(keywords)])
    rows = pd.concat(
        [_read(tmp_path, split).assign(split=split) for split in ("train", "val", "test")]
    )
    spoken = rows[rows["speaker"] != ""]
    assert (spoken.groupby("speaker")["split"].nunique() == 1).all()
    sizes = rows.groupby(["split", "label"]).size()
    assert sizes["train"].nunique() == 1 and len(sizes["train"]) == 10
    listed = {
        split: set((data_dir / name).read_text().split())
        for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt"))
    }
    clip = spoken["path"].map(lambda path: "/".join(path.split("/")[-2:]).replace(".flac", ".wav"))
    for split, names in listed.items():
        in_keywords = {name for name in names if name.split("/")[0] in keywords}
        assert in_keywords <= set(clip[spoken["split"] == split]) <= names
