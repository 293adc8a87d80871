"""Scripts that refuse their input."""

import subprocess
import sys


def by(script, *arguments):
    """Run a script, assert exit status 2 without a traceback, and return its error message."""
    result = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr
