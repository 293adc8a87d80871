"""The flags of open-seq2seq, in a process of its own where it matters."""

import subprocess
import sys

import pytest

from open_seq2seq.cli import parse
from open_seq2seq.commands import tracks
from open_seq2seq.errors import UserError
from tests.support.paths import ROOT, TINY


def run(*args, cwd=ROOT):
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def test_own_flags_and_overrides_are_told_apart():
    args, overrides = parse(
        ["--config_file=c.py", "--mode", "eval", "--logdir=x", "--encoder_params/resnet_size", "18"]
    )
    assert (args.config_file, args.mode) == ("c.py", "eval")
    assert overrides == {"logdir": "x", "encoder_params/resnet_size": "18"}


def test_paths_are_for_inference():
    args, overrides = parse(
        ["a.wav", "--config_file=c.py", "--mode=infer", "--dtype=float32", "b c.wav"]
    )
    assert args.clips == ["a.wav", "b c.wav"]
    assert overrides == {"dtype": "float32"}
    with pytest.raises(SystemExit) as caught:
        parse(["a.wav", "--config_file=c.py"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("argv", "value"), [(["--use_xla_jit"], "True"), (["--use_xla_jit=False"], "False"), ([], None)]
)
def test_use_xla_jit_is_a_flag_and_a_parameter(argv, value):
    assert parse(["--config_file=c.py", *argv])[1].get("use_xla_jit") == value


def test_a_parameter_without_value_is_an_error():
    with pytest.raises(UserError, match="--logdir: expected a value"):
        parse(["--config_file=c.py", "--logdir", "--mode=eval"])


def test_a_config_is_required(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["--mode=eval"])
    assert caught.value.code == 2
    message = "--config_file is required; --list_configs lists the shipped ones"
    assert message in capsys.readouterr().err
    assert parse(["--list_configs"])[0].list_configs


def test_abbreviations_do_not_work():
    assert parse(["--config_file=c.py", "--continue", "1"])[1] == {
        "continue": "1"
    }  # then refused as unknown


def test_help_and_mistakes_do_not_import_tensorflow():
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['run.py', '--config_file={TINY}', '--batch_size=1']\n"
        "try: runpy.run_path('run.py', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, *{'tensorflow', 'pandas'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout == "2\n", done.stderr
    assert "batch_size_per_gpu" in done.stderr


def test_help_lists_the_flags():
    done = run("--help")
    assert done.returncode == 0
    for flag in (
        "--config_file",
        "--list_configs",
        "--mode",
        "--continue_learning",
        "--no_dir_check",
        "--benchmark",
        "--enable_logs",
    ):
        assert flag in done.stdout


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--config_file=nowhere.py"], "nowhere.py: no such file"),
        ([f"--config_file={TINY}", "--mode=fly"], "invalid choice"),
        ([f"--config_file={TINY}", "--dataset_location=nowhere"], "nowhere/v2-12-labels.txt"),
        ([f"--config_file={TINY}", "--num_gpus=8"], "horovodrun -np 8"),
        ([f"--config_file={TINY}", "--mode=infer", "--logdir=nowhere"], "no checkpoint in nowhere"),
        (["--mode=report", "--lodgir=run"], "--lodgir is no flag, did you mean --logdir?"),
        (["--confg_file=demo"], "--confg_file is no flag, did you mean --config_file?"),
        (["--mode=report", "--logdir="], "--logdir: no name"),
        (["--mode=export", f"--logdir={'a' * 300}"], "File name too long"),
    ],
)
def test_a_mistake_ends_with_status_2_one_message_and_no_traceback(tmp_path, args, expected):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--output-dir=x"], "there is no flag --output-dir, did you mean '--output_dir'?"),
        (["--output_dir=x", "--snr=3"], "there is no flag --snr, did you mean '--snr_db'?"),
        (["--output_dir=x", "--snr_db", "-5,20"], "begins with a minus needs =, as in --snr_db=-5"),
        (["--output_dir=x", "extra"], "unrecognized arguments: extra"),
    ],
)
def test_wrong_flags_of_other_commands_are_answered_in_one_line(args, message, capsys):
    with pytest.raises(SystemExit) as exit:
        tracks.main(args)
    shown = capsys.readouterr().err
    assert exit.value.code == 2 and message in shown and shown.count("\n") == 1
