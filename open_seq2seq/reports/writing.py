"""The files of a report: a page, the same as Markdown, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from open_seq2seq.errors import UserError
from open_seq2seq.reports.contents import contents_of
from open_seq2seq.reports.page import page_of, text_of
from open_seq2seq.reports.recorded import Recorded
from open_seq2seq.system.files import write_text

FOLDER = "report"
PAGE, TEXT, DATA = "report.html", "report.md", "report.json"
_LONE = "backslashreplace"  # names that are not UTF-8 are shown as what they are


def write_report(run: Recorded) -> Path:
    """Write ``report/`` in a run's logdir, and return the page.

    Raises:
        UserError: the files cannot be written.
    """
    contents = contents_of(run)
    texts = {  # all of them before the first one is written
        DATA: json.dumps(contents, indent=1, allow_nan=False) + "\n",
        TEXT: text_of(contents),
        PAGE: page_of(contents, run),
    }
    folder = run.logdir / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text, _LONE)
    except OSError as error:
        raise UserError(
            f"logdir: cannot write the report in {folder} ({error.strerror or error}); make room, "
            "or copy the run to where you can write"
        ) from None
    return folder / PAGE
