import re
import subprocess
import sys

import pytest

from open_seq2seq.config.reference import groups, parameter_classes, reference
from open_seq2seq.config.run_params import RunParams
from open_seq2seq.data import SpeechCommandsDataLayer
from tests.support.paths import ROOT

CLASSES = parameter_classes()
GROUPED = (RunParams, SpeechCommandsDataLayer)


def test_committed_reference_is_what_the_classes_say():
    committed = (ROOT / "docs" / "config_reference.md").read_text(encoding="utf-8")
    assert committed == reference(), "docs/config_reference.md is out of date: run `make docs`"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_class_and_each_of_its_fields_are_described(cls):
    assert cls.__doc__
    for name, field in cls.model_fields.items():
        assert field.description, f"{cls.__name__}.{name} has no description"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_description_can_be_read_without_its_key(cls):
    leaning = re.compile(r"^(Its|Their|The same)\b|\bof them\b")
    for name, field in cls.model_fields.items():
        assert not leaning.search(field.description), f"{cls.__name__}.{name}"


def test_the_classes_with_many_parameters_have_groups():
    assert [cls for cls in CLASSES if groups(cls)] == list(GROUPED)


@pytest.mark.parametrize("cls", GROUPED, ids=lambda cls: cls.__name__)
def test_each_group_is_a_table_under_its_heading_and_docstring(cls):
    text = reference()
    keys = []
    for group in groups(cls):
        docstring = re.escape(group.__doc__.strip())
        (table,) = re.findall(rf"#+ {group.__name__}\n\n{docstring}\n\n((?:\|.*\n)+)", text)
        shown = re.findall(r"^\| `(\w+)` ", table, re.MULTILINE)
        assert shown == list(group.model_fields)
        keys += shown
    assert len(keys) == len(set(keys)) and set(keys) <= set(cls.model_fields)


def test_groups_stand_in_the_order_that_the_class_names_them():
    names = [group.__name__ for group in groups(SpeechCommandsDataLayer)]
    positions = [reference().index(f"#### {name}\n") for name in names]
    assert names[:3] == ["Source", "FrontEnd", "Augmentation"] and positions == sorted(positions)


def test_a_parameter_of_the_class_itself_is_shown_before_its_groups():
    section = reference().split("### SpeechCommandsDataLayer\n")[1].split("#### ")[0]
    assert re.findall(r"^\| `(\w+)` ", section, re.MULTILINE) == ["model_format"]


def test_field_row_holds_type_bounds_and_default():
    row = next(line for line in reference().splitlines() if line.startswith("| `time_stretch` "))
    assert row == (
        "| `time_stretch` | float, >= 0, < 0.9 | `0.2` | Largest relative change of speed; "
        "0.2: from 0.8 to 1.2 times as fast. |"
    )


def test_required_field_says_so():
    assert "| `logdir` | str | *required* |" in reference()


def test_refused_keys_are_told_what_to_do_instead():
    rows = [line for line in reference().splitlines() if line.startswith("| `use_trt` ")]
    rows += [line for line in reference().splitlines() if "`data_layer_params/repeat_s" in line]
    assert "remove it" in rows[0] and "balances the labels" in rows[1]


def test_policy_is_shown_without_the_argument_that_the_run_gives():
    assert "`fixed_lr(learning_rate: float, warmup_steps: int = 0)`" in reference()


def test_reference_does_not_import_tensorflow():
    code = (
        "import sys; from open_seq2seq.config.reference import reference; reference(); "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_module_writes_the_reference(tmp_path):
    path = tmp_path / "docs" / "reference.md"
    subprocess.run(
        [sys.executable, "-m", "open_seq2seq.config.reference", str(path)], cwd=ROOT, check=True
    )
    assert path.read_text(encoding="utf-8") == reference()
