"""Running a notebook from top to bottom: python -m tests.support.notebooks keeps its outputs."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.support.paths import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
_SHOWN_FOLDER = "~/tutorial"


def execute(path: Path, folder: Path) -> NotebookNode:
    """Return a notebook with the outputs that it has in a folder.

    Raises:
        CellExecutionError: a cell fails; the message has its output.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", coalesce_streams=True, resources=resources
    )
    client.execute()
    return notebook


def keep(notebook: NotebookNode, folder: Path, path: Path) -> None:
    """Write a notebook without the folder's name and the times of its cells."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["language_info"] = {"name": "python"}
    text = nbformat.writes(notebook)
    shown = re.sub(re.escape(str(folder.resolve())), _SHOWN_FOLDER, text)
    path.write_text(shown.rstrip("\n") + "\n", encoding="utf-8")


def main() -> None:
    """Run the tutorial in a new folder and keep what comes out."""
    with tempfile.TemporaryDirectory() as folder:
        keep(execute(TUTORIAL, Path(folder)), Path(folder), TUTORIAL)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    sys.exit(main())
