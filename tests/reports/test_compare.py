"""Runs side by side, from the command to the page."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from open_seq2seq.commands import compare as command
from open_seq2seq.errors import UserError
from open_seq2seq.reports import compare_page
from open_seq2seq.storage import evaluations
from tests.support.browser import chrome


def copy_of(trained, folder, seed=None, **changed):
    """Return a copy of a run as if it had another seed or other parameters."""
    shutil.copytree(trained, folder)
    path = folder / "starts.jsonl"
    start = json.loads(path.read_text())
    start["parameters"] |= changed | ({} if seed is None else {"random_seed": seed})
    path.write_text(json.dumps(start) + "\n")
    return folder


def predict(logdir, rows, prediction=None):
    """Give some test clips another prediction, by default the right one."""
    path = logdir / "evaluations" / "test.csv"
    clips = pd.read_csv(path, keep_default_na=False)
    clips.loc[rows, "prediction"] = clips.loc[rows, "label"] if prediction is None else prediction
    clips.to_csv(path, index=False)


@pytest.fixture
def two(trained, tmp_path):
    """Two runs with other learning rates; of the 48 clips 40 are right, then 4 and 6 others."""
    one = copy_of(trained, tmp_path / "one", **{"lr_policy_params/learning_rate": 0.1})
    other = copy_of(trained, tmp_path / "other", **{"lr_policy_params/learning_rate": 0.2})
    wrong = {one: range(4, 10), other: range(4)}
    for logdir, rows in wrong.items():
        predict(logdir, list(range(40)))
        predict(logdir, list(rows), "silence")
        predict(logdir, list(range(40, 48)), "yes")
    return one, other


def test_a_comparison_counts_the_clips_that_one_alone_gets_right(two, capsys):
    command.main([str(logdir) for logdir in two])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "48 clips of test"
    # 34 and 36 of 48
    assert any(re.fullmatch(r"  one +1 +70\.83%  .*", line) for line in lines)
    assert any(re.fullmatch(r"  other +1 +75\.00%  .*", line) for line in lines)
    assert "other against one: +4.17 points" in lines
    # 6 against 4: 2 * P(X <= 4), X binomial(10, 1/2): 2 * 386 / 1024
    assert any(f"p = {2 * 386 / 1024:.3g}: it may be chance" in line for line in lines)
    assert "  right more often: 6 with other, 4 with one" in lines
    assert any(
        re.fullmatch(r"  lr_policy_params/learning_rate +0\.1 +0\.2", line) for line in lines
    )


def test_seeds_of_one_config_are_one_model(trained, two, tmp_path, capsys):
    one, other = two
    second = copy_of(one, tmp_path / "one2", seed=7)
    predict(second, [4, 5])  # two of the six that the first seed misses
    command.main([str(each) for each in (one, other, second)])
    lines = capsys.readouterr().out.splitlines()
    # (34 + 36) / 2 of 48
    assert any(re.fullmatch(r"  one and another seed +2 +72\.92%  .*", line) for line in lines)
    assert [" ".join(line.split()) for line in lines if ", seed " in line] == [
        "one, seed 0 70.83%",
        "one2, seed 7 75.00%",
    ]
    command.main([str(one), str(second), f"--output={tmp_path / 'page.html'}"])
    page = (tmp_path / "page.html").read_text()
    assert "one2, seed 7</th>" in page and "one2, seed 7</span>" in page  # accuracy, and curves
    assert "The runs have one config." in page and "McNemar" not in page  # no difference, no p


def test_energy_is_the_mean_of_the_runs_of_a_model(two, capsys):
    one, other = two
    lines = [{"step": 1, "energy_j": 5000.0}, {"step": 2, "energy_j": 4000.0}]
    # the step that was taken again, after a checkpoint, was paid twice
    lines += [{"step": 2, "energy_j": 1800.0}]
    (one / "training.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (other / "training.jsonl").write_text(json.dumps({"step": 1}) + "\n")
    command.main([str(one), str(other)])
    out = capsys.readouterr().out
    assert re.search(r"  one +1 .* 3\n", out)  # 10800 J
    assert re.search(r"  other +1 .* –\n", out)


def test_the_page_plays_what_only_one_gets_right(two, tmp_path):
    page = tmp_path / "compare.html"
    command.main([*map(str, two), f"--output={page}"])
    text = page.read_text()
    assert (
        "+4.17 points" in text
        and "McNemar" in text
        and "http" not in text.replace("http://www.w3.org", "")
    )
    assert text.count("<audio") == 10
    with chrome() as driver:
        driver.get(page.as_uri())
        sounds = driver.find_elements("css selector", "audio")
        assert all(each.get_attribute("src").startswith("data:audio/") for each in sounds)
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_clips_are_known_by_their_sound_not_their_place(two, capsys):
    path = two[1] / "evaluations" / "test.csv"
    clips = pd.read_csv(path, keep_default_na=False)
    clips["path"] = "/elsewhere/" + np.arange(len(clips)).astype(str) + ".wav"
    clips.sample(frac=1, random_state=0).to_csv(path, index=False)
    command.main([str(logdir) for logdir in two])
    assert "right more often: 6 with other, 4 with one" in capsys.readouterr().out


def test_only_common_clips_count(two, capsys):
    folder = two[1] / "evaluations"
    clips = pd.read_csv(folder / "test.csv", keep_default_na=False)
    clips[8:].to_csv(folder / "test.csv", index=False)
    saved = json.loads((folder / "test.json").read_text())
    (folder / "test.json").write_text(json.dumps(saved | {"n_clips": 40}))
    command.main([str(logdir) for logdir in two])
    out = capsys.readouterr().out
    assert "40 clips of test" in out and "8 clips that not all runs have heard: left out" in out


@pytest.mark.parametrize("fault", ["one", "same", "none", "unfinished", "other data"])
def test_what_cannot_be_compared_is_refused(two, tmp_path, fault):
    one, other = map(str, two)
    message = {
        "one": "two runs or more",
        "same": "one: the same run as .*one; name each run once",
        "none": "is no folder",
        "unfinished": "--mode=eval records it",
        "other data": "no clips of test in common",
    }[fault]
    logdirs = {"one": [one], "same": [one, one], "none": [one, str(tmp_path / "no")]}.get(
        fault, [one, other]
    )
    if fault == "unfinished":
        shutil.rmtree(two[1] / evaluations.FOLDER)
    if fault == "other data":
        path = two[1] / "evaluations" / "test.csv"
        clips = pd.read_csv(path, keep_default_na=False)
        clips.assign(digest="0" * 16 + clips["path"]).to_csv(path, index=False)
    with pytest.raises(UserError, match=message):
        command.main(logdirs)


@pytest.mark.parametrize("output", ["no/page.html", ".", "/", "", "one"])
def test_a_page_that_cannot_be_written_is_told_first(two, tmp_path, monkeypatch, capsys, output):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"--output: cannot write|an empty path"):
        command.main([*map(str, two), f"--output={output}"])
    assert not capsys.readouterr().out


def test_a_link_to_a_run_is_no_other_run(two, tmp_path):
    (tmp_path / "link").symlink_to(two[0])
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match="link: the same run as"):
        command.main([str(two[0]), str(tmp_path / "link")])
    with pytest.raises(UserError, match=r"cannot read .*loop"):
        command.main([str(two[0]), str(tmp_path / "loop")])


def test_what_says_nothing_of_the_model_makes_no_other_model(two, tmp_path, capsys):
    """A run of one seed, watched and kept in another way, is another run; it has no other seed."""
    watched = {"trackers": ["mlflow"], "num_checkpoints": 9, "worker_timeout_s": 60.0}
    copy_of(two[0], tmp_path / "again", **watched)
    command.main([str(two[0]), str(tmp_path / "again")])
    out = capsys.readouterr().out
    assert "one and another run" in out and "nothing differs in their configs" in out


def test_a_config_that_is_not_recorded_differs_in_nothing(two, tmp_path, capsys):
    bare = copy_of(two[0], tmp_path / "bare")
    (bare / "starts.jsonl").unlink()
    command.main([*map(str, two), str(bare)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["lr_policy_params/learning_rate", "0.1", "0.2", "not", "recorded"]
    assert lines[-2].split()[0] == "parameter"


def test_of_several_runs_it_is_shown_what_each_said(two, tmp_path):
    """The first seed alone misses the clips 4 and 5; of 6 to 9 both say silence."""
    one, other = two
    second = copy_of(one, tmp_path / "one2", seed=7)
    predict(second, [4, 5])
    page = tmp_path / "page.html"
    command.main([str(one), str(second), str(other), f"--output={page}"])
    said = re.findall(r"<p>one and another seed: (.*?)<br>other: (.*?)</p>", page.read_text())
    right = pd.read_csv(one / "evaluations" / "test.csv", keep_default_na=False)["label"]
    for row in (4, 5):
        assert (f"silence 1 of 2, {right[row]} 1 of 2", right[row]) in said
    for row in range(6, 10):
        assert ("silence", right[row]) in said


def test_a_clip_whose_sound_is_not_there_says_why(two, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    path = two[0] / "evaluations" / "test.csv"
    clips = pd.read_csv(path, keep_default_na=False)
    clips.loc[0, "path"] = str(tmp_path / "gone.wav")
    clips.to_csv(path, index=False)
    command.main([*map(str, two), f"--output={page}"])
    assert page.read_text().count("Its file cannot be read any more.") == 1
    monkeypatch.setattr(compare_page, "_MOST_SOUND", 1)  # the first clip that is there fills it
    command.main([*map(str, two), f"--output={page}"])
    assert page.read_text().count("not in this page, which is full.") == 8


def test_a_parameter_that_a_class_lacks_is_a_dash(two, capsys):
    for logdir, values in zip(two, ({"scale": 2, "mask": None}, {}), strict=True):
        path = logdir / "starts.jsonl"
        start = json.loads(path.read_text())
        start["parameters"] |= {f"encoder_params/{key}": each for key, each in values.items()}
        path.write_text(json.dumps(start) + "\n")
    command.main([str(each) for each in two])
    out = capsys.readouterr().out
    assert re.search(r"  encoder_params/scale +2 +–\n", out)
    assert "encoder_params/mask" not in out  # None is the default of what is not there


def test_a_difference_of_one_speaker_may_be_chance(two, capsys):
    """McNemar's test takes twelve clips of one speaker for twelve proofs, the bootstrap for one."""
    for logdir in two:
        path = logdir / "evaluations" / "test.csv"
        clips = pd.read_csv(path, keep_default_na=False)
        clips["speaker"] = ["ann" if row < 12 else "bob" for row in range(len(clips))]
        clips.to_csv(path, index=False)
    predict(two[0], list(range(12)), "silence")
    predict(two[1], list(range(12)))
    predict(two[0], list(range(12, 48)))
    predict(two[1], list(range(12, 48)))
    clips = pd.read_csv(two[1] / "evaluations" / "test.csv", keep_default_na=False)
    n_wrong = int((clips["label"][:12] != "silence").sum())
    command.main([str(each) for each in two])
    out = capsys.readouterr().out
    assert f"right more often: {n_wrong} with other, 0 with one" in out
    # both are bob's in a quarter of the draws: nothing differs there
    assert f"p = {2 / 2**n_wrong:.3g}: it may be chance" in out
