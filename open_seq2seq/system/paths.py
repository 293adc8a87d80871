"""Paths that a user gives, wherever: a leading ``~`` is the home folder, a name any bytes.

A shell expands ``~`` only at the beginning of a word, which leaves ``--logdir=~/runs``, configs,
JSON and the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from open_seq2seq.errors import UserError

# how files that hold names are encoded: what is not UTF-8 in a name stays the bytes that it is
NAME_ERRORS: Final = "surrogateescape"


def expand_home(path: str | os.PathLike[str]) -> str:
    """Return ``path`` with a leading ``~`` or ``~user`` replaced, as a shell does it.

    ``~name`` stays as it is where no user has that name, and ``./~`` is a folder named ``~``. The
    result can be expanded again without a change.

    Raises:
        UserError: it begins with ``~/``, and nothing says where the home folder is.
    """
    text = os.fspath(path)
    expanded = os.path.expanduser(text)
    if expanded.partition("/")[0] == "~":
        raise UserError(
            f"{text}: this user has no home folder; set the environment variable HOME, or write "
            "the path without ~"
        )
    return expanded


def user_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a user gives; also the ``type`` of a command's flags that are paths.

    Raises:
        UserError: it is empty, or begins with ``~/`` where no home folder is known.
    """
    if not os.fspath(path):
        raise UserError("'': an empty path; name a file or folder, '.' is the current folder")
    return Path(expand_home(path))
