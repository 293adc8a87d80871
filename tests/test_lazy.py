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


NOISY = r"""
import os
os.write(2, b"W0000 oneDNN custom operations are on. To turn them off, ...\nOut of memory\n")
value = 7
"""


def test_notes_of_an_import_are_left_out_and_all_else_is_told(tmp_path):
    (tmp_path / "noisy.py").write_text(NOISY)
    code = "from open_seq2seq.lazy import LazyModule; print(LazyModule('noisy').value)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("7\n", "Out of memory\n")
