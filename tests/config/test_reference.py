import subprocess
import sys

import pytest

from open_seq2seq.config.reference import parameter_classes, reference
from open_seq2seq.config.run_params import RunParams
from tests.support.paths import ROOT

CLASSES = [RunParams, *(cls for classes in parameter_classes().values() for cls in classes)]


def test_committed_reference_is_what_the_classes_say():
    committed = (ROOT / "docs" / "config_reference.md").read_text(encoding="utf-8")
    assert committed == reference(), "docs/config_reference.md is out of date: run `make docs`"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_class_and_each_of_its_fields_are_described(cls):
    assert cls.__doc__
    for name, field in cls.model_fields.items():
        assert field.description, f"{cls.__name__}.{name} has no description"


def test_field_row_holds_type_bounds_and_default():
    row = next(line for line in reference().splitlines() if line.startswith("| `momentum` "))
    assert row == "| `momentum` | float, >= 0, < 1 | `0.9` | Share of the velocity that is kept. |"


def test_required_field_says_so():
    assert "| `logdir` | str | *required* |" in reference()


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
