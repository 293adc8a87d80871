"""How a script refuses what it is given."""

import subprocess
import sys


def by(script, *arguments):
    """Run a script of the repository that ends with exit status 2 and no traceback; return what it
    says.
    """
    result = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr
