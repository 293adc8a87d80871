"""A folder that a command makes: new, and there as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from open_seq2seq.errors import UserError
from open_seq2seq.system.files import is_vacant, partial_path, written_aside


@contextmanager
def new_folder(output_dir: Path, flag: str = "output_dir") -> Iterator[Path]:
    """Yield a folder that is renamed to ``output_dir`` at the end, or removed after an error.

    Args:
        output_dir: the folder.
        flag: that names it, for messages.

    Raises:
        UserError: ``output_dir`` is not empty, or it cannot be written.
    """
    output_dir = output_dir.expanduser().resolve()
    partial = partial_path(output_dir)
    try:
        if not is_vacant(output_dir):
            raise UserError(
                f"{flag}: {output_dir} exists and is not an empty folder; name a new one, or "
                "delete it first"
            )
        if partial.exists():
            raise UserError(
                f"{flag}: {partial} exists, left by a run that was killed or that is still "
                "going on; delete it, or name another folder"
            )
        partial.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(output_dir) as folder:
            folder.mkdir()
            yield folder
    except OSError as error:
        raise UserError(
            f"{flag}: cannot write {output_dir} ({error.strerror or error}); "
            "name a folder on a writable disk"
        ) from None
