"""Every mode from the command line's words to the files it leaves, on tones that a small net can
learn.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from open_seq2seq.cli import main
from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from tests.support.forked import fork, wait
from tests.support.paths import CONFIGS, TINY


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    logdir = tmp_path_factory.mktemp("runs") / "trained"
    assert (
        run(
            "train_eval",
            logdir,
            "--enable_logs",
            "--print_samples_steps=10",
            "--print_bench_info_steps=20",
        )
        == 0
    )
    return logdir


def metrics(logdir):
    return [json.loads(line) for line in (logdir / "metrics.jsonl").read_text().splitlines()]


def newest(logdir, folder="checkpoints"):
    return checkpoints.load_newest(logdir / folder)


def test_training_learns_and_leaves_what_it_promises(trained):
    lines = metrics(trained)
    assert [line["split"] for line in lines] == ["val"] * 8 + ["test"]
    assert [line["step"] for line in lines[:8]] == [
        9 * epoch for epoch in range(1, 9)
    ]  # 144 rows of 16
    last = lines[-1]
    assert last["top1"] >= 0.9
    assert (last["mode"], last["dataset_version"], last["epoch"], last["n_clips"]) == (
        "train_eval",
        "v2-12",
        8.0,
        48,
    )
    assert list(last["recall"]) == list(LABELS["v2-12"])
    assert np.mean(list(last["recall"].values())) == pytest.approx(
        last["top1"]
    )  # as many clips of each
    assert last["top5"] >= last["top1"] and last["seconds"] > 0
    assert len(checkpoints.list_checkpoints(trained / "checkpoints")) == 5
    assert newest(trained).labels == LABELS["v2-12"]
    assert newest(trained, "best_models").progress.best_top1 == max(
        line["top1"] for line in lines[:8]
    )
    assert list((trained / "tensorboard" / "val").glob("events*"))


def test_the_log_holds_what_is_needed_to_repeat_the_run(trained):
    log = (trained / "run.log").read_text()
    for text in (
        "command: ",
        "batch_size_per_gpu = 16",
        "clips/s",
        "sample: label ",
        "ms a step",
        "accuracy",
    ):
        assert text in log


def test_eval_finds_what_the_last_evaluations_of_training_found(run, trained):
    before = metrics(trained)
    assert run("eval", trained) == 0
    found = metrics(trained)[len(before) :]
    assert [line["split"] for line in found] == ["val", "test"]
    for line, same in zip(found, before[-2:], strict=True):
        for key in ("step", "epoch", "n_clips", "loss", "top1", "top5", "recall"):
            assert line[key] == same[key]


def test_infer_writes_a_row_for_every_clip(run, trained, tmp_path, capsys):
    output = tmp_path / "out.csv"
    assert run("infer", trained, f"--infer_output_file={output}") == 0
    rows = list(csv.DictReader(output.open()))
    assert len(rows) == 48
    right = sum(Path(row["path"]).parent.name == row["label"] for row in rows)
    assert right / 48 == metrics(trained)[-1]["top1"]
    for row in rows:
        probabilities = [float(row[label]) for label in LABELS["v2-12"]]
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
        assert (
            float(row["probability"])
            == max(probabilities)
            == probabilities[LABELS["v2-12"].index(row["label"])]
        )
    assert f"{rows[0]['path']}: {rows[0]['label']}" in capsys.readouterr().out


def test_a_run_says_which_sound_is_lost_and_which_clips_are_long(
    run, trained, tone_dataset, write_manifest, tone, tmp_path, capsys
):
    clips = [tone(400), np.zeros(16000), tone(400, 5.0), np.stack([tone(400), -tone(400)], 1)]
    manifest = write_manifest([0, 0, 0, 11], clips)
    files = [
        f"--train_params/data_layer_params/dataset_files={[str(manifest)]}",
        f"--data_layer_params/labels_file={tone_dataset / 'v2-12-labels.txt'}",
    ]
    run("train", tmp_path / "run", "--num_epochs=1", *files)
    for out in (capsys.readouterr().out, (tmp_path / "run" / "run.log").read_text()):
        assert "train: 1 of 4 clips: digital silence" in out
        assert "train: 1 of 4 clips: its channels cancel" in out
        assert "train: 1 of 4 clips are longer than an image, 1.0 s" in out

    paths = [str(path) for path in sorted((tmp_path / "tiny-train").iterdir())]
    assert run("infer", trained, *paths) == 0
    out = capsys.readouterr().out
    assert f"{paths[1]}: digital silence" in out and f"{paths[3]}: its channels cancel" in out
    assert f"{paths[2]}: 5.0 s long" in out and "from 2.0 to 3.0 s" in out
    assert f"{paths[0]}: " in out and f"{paths[0]}: digital" not in out


def test_clips_far_beyond_full_scale_stop_a_run_or_are_scaled(
    run, trained, write_wav, tone, tmp_path, capsys
):
    loud = str(write_wav("loud.wav", tone(200, amplitude=9000), subtype="FLOAT"))
    with pytest.raises(UserError, match=r"loud.wav: its samples reach 9,000 times full scale"):
        run("infer", trained, loud)
    full_scale = str(write_wav("full.wav", tone(200, amplitude=1.0)))
    args = ["--data_layer_params/on_loud_audio=scale", loud, full_scale]
    assert run("infer", trained, *args) == 0
    out = capsys.readouterr().out
    assert f"{loud}: it went beyond full scale" in out
    predictions = [line.split(": ")[1] for line in out.splitlines() if line.endswith(")")]
    assert len(predictions) == 2 and predictions[0] == predictions[1]


def test_infer_takes_paths_of_any_format(run, trained, tone_dataset, tmp_path, capsys):
    source = next((tone_dataset / "up").glob("test*.wav"))
    samples, rate = soundfile.read(source)
    soundfile.write(tmp_path / "a b.flac", np.stack([samples, samples], 1), rate)
    assert run("infer", trained, str(source), str(tmp_path / "a b.flac")) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith(")")]
    assert [line.split(": ")[1].split()[0] for line in lines[-2:]] == ["up", "up"]
    with pytest.raises(UserError, match="no such audio file"):
        run("infer", trained, "missing.wav")


def test_infer_takes_folders_and_manifests_without_labels(run, trained, tone, tmp_path, capsys):
    folder = tmp_path / "clips"
    for name in ("b.wav", "a/deep/c.flac", "a/d.WAV", "a/._d.wav", ".hidden/e.wav", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt") or "._" in name:
            (folder / name).write_text("no audio")
        else:
            sound = {"format": "FLAC" if "flac" in name else "WAV"}
            soundfile.write(folder / name, tone(440.0), 16000, **sound)
    (folder / "a" / "x.m4a").touch()
    manifest = tmp_path / "list.csv"
    manifest.write_text("path\nclips/b.wav\nclips/a/d.WAV\n")
    output = tmp_path / "out.csv"

    def inferred(*args):
        assert run("infer", trained, f"--infer_output_file={output}", *args) == 0
        return [row["path"] for row in csv.DictReader(output.open())]

    in_folder = [str(folder / name) for name in ("b.wav", "a/d.WAV", "a/deep/c.flac")]
    assert inferred(str(folder)) == in_folder
    assert "x.m4a" in capsys.readouterr().out
    assert inferred(str(manifest), str(folder / "a")) == [*in_folder[:2], *in_folder[1:]]
    files = f"--infer_params/data_layer_params/dataset_files=['{manifest}']"
    assert inferred(files) == in_folder[:2]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no audio files in this folder"):
        run("infer", trained, str(tmp_path / "empty"))


def test_a_run_continues_at_the_same_position_with_steps_of_another_size(run, tmp_path, after_step):
    args = ["--num_epochs=2", "--save_checkpoint_steps=5", "--lr_policy_params/warmup_steps=0"]

    def interrupt(step):
        if step.step == 6:
            raise KeyboardInterrupt

    after_step.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("train", tmp_path / "run", *args)
    rows = []
    after_step[:] = [lambda step: rows.append(step.rows)]
    args += ["--batch_size_per_gpu=8", "--continue_learning"]
    assert run("train", tmp_path / "run", *args) == 0
    # 144 rows: 5 of 9 steps of 16 were done; 64 rows are left of the first epoch, 144 of the second
    assert len(np.unique(np.concatenate(rows[:8]))) == 64 and len(rows) == 8 + 18
    last = newest(tmp_path / "run")
    assert last.step == 36 and last.progress.epochs_done == 2.0
    assert "a step was 16 clips and is 8 now" in (tmp_path / "run" / "run.log").read_text()


def test_the_best_checkpoint_survives_a_resume(run, trained, tmp_path):
    best = newest(trained, "best_models")
    # from here on the rate is so high that accuracy can only fall
    args = [
        "--continue_learning",
        "--num_epochs=9",
        "--lr_policy=fixed_lr",
        "--lr_policy_params={'learning_rate': 50.0}",
    ]
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", trained, copy], check=True)
    config = tmp_path / "config.py"
    config.write_text(
        TINY.read_text().replace(
            '"lr_policy_params": {"learning_rate": 0.02}', '"lr_policy_params": {}'
        )
    )
    assert run("train_eval", copy, *args, config=config) == 0
    assert newest(copy).step == 81
    assert newest(copy, "best_models").step == best.step


def test_the_logdir_is_checked_before_anything_happens(run, trained, tmp_path):
    with pytest.raises(UserError, match="is not empty; continue that run with --continue_learning"):
        run("train", trained)
    with pytest.raises(UserError, match="has no checkpoint to continue from"):
        run("train", tmp_path / "new", "--continue_learning")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        run("train", tmp_path / "file")
    with pytest.raises(UserError, match="cannot write to"):
        run("train", "/proc/none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_no_dir_check_starts_or_goes_on(run, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        UserError, match="is not empty; use it anyway with --no_dir_check, or start another"
    ):
        run("train", tmp_path)
    args = ["--no_dir_check", "--num_epochs=None", "--save_checkpoint_steps=1"]
    assert run("train", tmp_path, *args, "--max_steps=2") == 0
    assert run("train", tmp_path, *args, "--max_steps=3") == 0
    assert newest(tmp_path).step == 3
    assert "continuing from step 2" in (tmp_path / "run.log").read_text()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            ["--decoder_params/output_dim=5"],
            "decoder_params/output_dim: 5, but the data has 12 labels",
        ),
        (["--data_layer_params/num_labels=5"], "data_layer_params/num_labels: 5"),
        (["--freeze_variables_regex=nothing"], "matches none of the variables"),
        (["--train_params/data_layer_params/dataset_files=[]"], "expected at least one manifest"),
    ],
)
def test_what_the_data_contradicts_is_refused(run, tmp_path, args, expected):
    with pytest.raises(UserError, match=expected):
        run("train", tmp_path / "run", *args)


def test_unreadable_audio_stops_the_run_before_the_logdir_is_made_or_is_skipped(
    run, tone_dataset, tmp_path, capsys
):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"not audio")
    manifest = tmp_path / "bad-train.csv"
    good = next((tone_dataset / "up").glob("train*.wav"))
    manifest.write_text(f"label,path\n2,{good}\n0,{bad}\n2,{good}\n")
    files = f"--train_params/data_layer_params/dataset_files=['{manifest}']"
    labels = f"--data_layer_params/labels_file={tone_dataset / 'v2-12-labels.txt'}"
    args = [files, labels, "--num_epochs=1", "--batch_size_per_gpu=2"]
    with pytest.raises(UserError, match=r"1 audio file cannot be used:\n.*bad\.wav"):
        run("train", tmp_path / "run", *args)
    assert not (tmp_path / "run").exists()
    assert run("train", tmp_path / "run", *args, "--data_layer_params/on_bad_audio=skip") == 0
    out = capsys.readouterr().out
    assert "1 unusable file skipped" in out and str(bad) in out and "train: 2 clips" in out


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--freeze_variables_regex=("], "is not a regular expression"),
        (["--freeze_variables_regex=."], "matches all of the variables"),
        (
            [
                "--lr_policy=piecewise_constant",
                "--lr_policy_params/boundaries=[1]",
                "--lr_policy_params/decay_rates=[]",
            ],
            "piecewise_constant fails at step 71",
        ),
    ],
)
def test_what_fails_before_the_first_step_leaves_no_logdir(run, tmp_path, args, expected):
    with pytest.raises(UserError, match=expected):
        run("train", tmp_path / "run", *args)
    assert not (tmp_path / "run").exists()


def test_frozen_variables_are_not_trained(run, tmp_path):
    args = [
        "--num_epochs=None",
        "--freeze_variables_regex=peak_encoder",
        "--save_checkpoint_steps=1",
    ]
    assert run("train", tmp_path / "run", *args, "--max_steps=3") == 0
    first, last = (
        checkpoints.load(p).model
        for p in checkpoints.list_checkpoints(tmp_path / "run" / "checkpoints")[::2]
    )
    np.testing.assert_array_equal(
        first["peak_encoder.dense/kernel"], last["peak_encoder.dense/kernel"]
    )
    name = "fully_connected_decoder.fully_connected/kernel"
    assert np.abs(first[name] - last[name]).max() > 0


def test_evaluation_needs_no_place_to_write_and_no_state_of_training(
    run, trained, tmp_path, capsys
):
    copy = shutil.copytree(trained, tmp_path / "copy")
    (copy / "run.log").unlink()
    (copy / "run.log").mkdir()  # as unwritable as anything, also for an administrator
    for path in copy.rglob("training.npz"):
        path.unlink()
    before = (copy / "metrics.jsonl").read_bytes()
    assert run("eval", copy) == 0
    out = capsys.readouterr().out
    assert out.count(f"{copy} cannot be written: what follows is printed, not recorded") == 1
    assert "test: step 72, 48 clips" in out
    assert (copy / "metrics.jsonl").read_bytes() == before
    with pytest.raises(UserError, match="corrupt"):
        run("train", copy, "--continue_learning")


def test_a_checkpoint_is_not_used_with_other_labels(run, trained, tone_dataset, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{label}\n" for label in reversed(LABELS["v2-12"])))
    for mode in ("eval", "infer"):
        with pytest.raises(UserError, match="was trained on the labels yes no"):
            run(mode, trained, f"--data_layer_params/labels_file={labels}")


def test_an_output_that_cannot_be_written_is_refused_before_the_work(run, trained, tmp_path):
    for output in (tmp_path, tmp_path / "missing" / "out.csv"):
        with pytest.raises(UserError, match="--infer_output_file: cannot write"):
            run("infer", trained, f"--infer_output_file={output}")
    assert not list(tmp_path.iterdir())


def test_after_training_without_evaluation_the_last_checkpoint_serves(run, tmp_path):
    args = ["--restore_best_checkpoint=True", "--num_epochs=None", "--max_steps=2"]
    assert run("train", tmp_path / "run", *args) == 0
    assert run("eval", tmp_path / "run", *args) == 0
    assert [line["step"] for line in metrics(tmp_path / "run")] == [2, 2]


def test_benchmark_writes_nothing(run, tmp_path, capsys):
    assert run("train", tmp_path / "run", "--benchmark", "--bench_steps=4", "--bench_start=2") == 0
    assert "benchmark: 2 steps after 2" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_many_steps_that_are_not_finite_end_the_run(run, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(TINY.read_text().replace("Rescaling(0.2", "Rescaling(float('inf')"))
    with pytest.raises(UserError, match="the gradients of the last 3 steps were not finite"):
        run("train", tmp_path / "run", "--max_skipped_steps=3", config=config)


def test_an_eval_with_another_config_is_refused(run, trained):
    with pytest.raises(UserError, match=r"does not fit the model of this config"):
        run("eval", trained, "--encoder_params/n_hidden=5")


ONE_OF_EACH = ("matchboxnet3x1x64", "resnet50")  # BC-ResNet trains in tests/test_parts.py
SHORT = """
from example_configs.speech_commands.{name} import *

params = dict(base_params["encoder_params"])
if "convnet_layers" in params:
    params["convnet_layers"] = [
        {{
            **layer,
            "num_channels": -(-layer["num_channels"] // 10),
            "kernel_size": min(layer["kernel_size"][0], 3),
            "repeat": 1,
        }}
        for layer in params["convnet_layers"][:4] + params["convnet_layers"][-3:]
    ]
elif "resnet_size" in params:
    params["block_sizes"], params["block_strides"] = [2, 1], [1, 2]
else:
    params["num_blocks"] = [2, 1, 1, 1]
base_params["encoder_params"] = params
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=[] if path.stem in ONE_OF_EACH else pytest.mark.long)
        for path in CONFIGS
    ],
)
def test_every_example_takes_a_step(run, tmp_path, name):
    """With fewer and narrower layers of the same kinds; test_full_size.py has whole networks."""
    config = tmp_path / "short.py"
    config.write_text(SHORT.format(name=name))
    args = ["--benchmark", "--bench_steps=2", "--bench_start=1", "--batch_size_per_gpu=2"]
    args += ["--dataset_version=v2-12", "--data_layer_params/audio_length=64"]
    # the tones have no other words and no further manifests
    args += [
        "--data_layer_params/merge_unknown=False",
        "--train_params/data_layer_params/sources=[]",
        "--train_params/data_layer_params/background_speech=None",
    ]
    assert run("train", tmp_path / "run", *args, config=config) == 0


@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.long), (signal.SIGTERM, 143)],
)
def test_a_signal_saves_a_checkpoint(tone_dataset, tmp_path, number, status):
    arguments = [
        f"--config_file={TINY}",
        f"--dataset_location={tone_dataset}",
        f"--logdir={tmp_path / 'run'}",
        "--num_epochs=100000",
        "--save_checkpoint_steps=1000000",
    ]
    process = fork(main, arguments, output=tmp_path / "output")
    log, output = tmp_path / "run" / "run.log", tmp_path / "output"
    while "step 5 " not in (log.read_text() if log.exists() else ""):
        assert wait(process, 0.05) is None, output.read_text()
    os.kill(process.pid, number)
    assert wait(process, 60) == status, output.read_text()
    assert "the checkpoint is saved" in output.read_text()
    assert "Traceback" not in output.read_text()
    assert newest(tmp_path / "run").step >= 5


@pytest.mark.slow
def test_full_memory_is_named_with_what_to_do(run, tmp_path):
    with pytest.raises(UserError, match=r"memory is full .*a smaller --batch_size_per_gpu"):
        run("train", tmp_path / "run", "--encoder_params/n_hidden=20000000000")  # terabytes
