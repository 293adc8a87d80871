"""What is set before TensorFlow is imported, by whatever way it is."""

import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

FILES = [ROOT / "run.py", *sorted((ROOT / "scripts").glob("*.py"))]
ASK = "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'), 'tensorflow' in sys.modules)"


def what_tensorflow_would_see(door, **environment):
    """Return the variable's value after ``door``, in a process of its own where TensorFlow is not
    imported yet.
    """
    inherited = {
        name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"
    }
    command = [sys.executable, "-c", f"import os, runpy, sys; {door}; {ASK}"]
    done = subprocess.run(
        command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=True
    )
    value, is_imported = done.stdout.split()
    assert is_imported == "False"
    return value


@pytest.mark.parametrize(
    "door", ["import open_seq2seq", *(f"runpy.run_path({str(file)!r})" for file in FILES)]
)
def test_onednn_is_on_before_tensorflow_is_imported(door):
    assert what_tensorflow_would_see(door) == "1"


def test_onednn_stays_off_where_the_user_says_so():
    assert what_tensorflow_would_see("import open_seq2seq", TF_ENABLE_ONEDNN_OPTS="0") == "0"
