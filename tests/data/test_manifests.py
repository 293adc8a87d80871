"""Manifests: what is read, and that every mistake is named with its file and line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from open_seq2seq.data.manifests import read_labels, read_manifests, write_labels, write_manifest
from open_seq2seq.errors import UserError

LABELS = ("yes", "no", "unknown")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("yes/1.wav", "no/2.wav", "cat/3.wav", 'cat/a, "b".wav'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def read(folder: Path, content: str | bytes) -> list[tuple[int, str]]:
    """Read a manifest of this content: label and path relative to the folder of each row."""
    manifest = folder / "m.csv"
    manifest.write_bytes(content.encode() if isinstance(content, str) else content)
    table = read_manifests([manifest], LABELS)
    assert table["label"].dtype == np.int32
    has_words = manifest.read_text(errors="surrogateescape").startswith("label,word,")
    assert [bool(word) for word in table["word"]] == [has_words] * len(table)
    return [
        (label, str(Path(path).relative_to(folder)))
        for label, path in zip(table["label"], table["path"], strict=True)
    ]


ROWS = [(0, "yes/1.wav"), (1, "no/2.wav"), (2, "cat/3.wav")]


@pytest.mark.parametrize(
    "content",
    [
        "label,word,speaker,path\n0,yes,a,yes/1.wav\n1,no,b,no/2.wav\n2,cat,c,cat/3.wav\n",
        "label,path\n0,yes/1.wav\n1,no/2.wav\n2,cat/3.wav",
        "path,label\nyes/1.wav,0\nno/2.wav,1\ncat/3.wav,2\n",
        "\ufefflabel,path\r\n0,yes/1.wav\r\n1,no/2.wav\r\n2,cat/3.wav\r\n",
        'label,path\n"0","yes/1.wav"\n1,"./no/2.wav"\n2,no/../cat/3.wav\n',
        "label,path\n0,yes/1.wav\n1,no/2.wav\n2,cat/3.wav\n\n\n",
    ],
    ids=[
        "all columns",
        "two columns",
        "another order",
        "BOM and CRLF",
        "quotes and dots",
        "empty lines at the end",
    ],
)
def test_rows_are_read(folder, content):
    assert read(folder, content) == ROWS


def test_quoted_names_and_absolute_paths(folder):
    content = f'label,path\n2,"cat/a, ""b"".wav"\n0,{folder / "yes" / "1.wav"}\n'
    assert read(folder, content) == [(2, 'cat/a, "b".wav'), (0, "yes/1.wav")]


def test_words_like_nan_are_words(folder):
    (folder / "nan").touch()
    assert read(folder, "label,word,path\n2,nan,nan\n2,null,cat/3.wav\n") == [
        (2, "nan"),
        (2, "cat/3.wav"),
    ]


def test_what_is_written_is_read(folder):
    rows = [(0, "yes", "a", "yes/1.wav"), (2, "cat", "c, d", 'cat/a, "b".wav')]
    write_manifest(
        folder / "m.csv", pd.DataFrame(rows, columns=["label", "word", "speaker", "path"])
    )
    assert read(folder, (folder / "m.csv").read_bytes()) == [
        (0, "yes/1.wav"),
        (2, 'cat/a, "b".wav'),
    ]
    assert not list(folder.glob("*.partial"))


def test_a_link_that_leads_to_itself_does_not_hide_the_other_files_of_its_folder(folder):
    (folder / "yes" / "loop.wav").symlink_to("loop.wav")
    assert read(folder, "label,path\n0,yes/1.wav\n") == [(0, "yes/1.wav")]
    with pytest.raises(UserError, match=r"no such file as .* again:\n  line 2: 'yes/loop.wav'"):
        read(folder, "label,path\n0,yes/loop.wav\n")


def test_manifests_and_labels_are_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        UserError, match=r"not a readable CSV manifest .It is a pipe, expected a file"
    ):
        read_manifests([tmp_path / "pipe"], LABELS)
    with pytest.raises(
        UserError, match=r"cannot read the labels file .It is a pipe, expected a file"
    ):
        read_labels(tmp_path / "pipe")


def test_several_manifests_follow_each_other(folder):
    (folder / "a.csv").write_text("label,path\n1,no/2.wav\n")
    (folder / "yes" / "b.csv").write_text("label,word,path\n0,yes,1.wav\n")
    table = read_manifests([folder / "a.csv", folder / "yes" / "b.csv"], LABELS)
    assert table["label"].tolist() == [1, 0]
    assert table["path"].tolist() == [str(folder / "no/2.wav"), str(folder / "yes/1.wav")]
    assert table.index.tolist() == [0, 1]


GOOD = "label,word,path\n0,yes,yes/1.wav\n"
MISTAKES = {
    "empty": ("", "the manifest is empty"),
    "header only": ("label,path\n", "a header but no rows"),
    "binary": (b"\x00\x01label,path\n0,yes/1.wav\n", "not a readable CSV manifest .*utf-8"),
    "not in UTF-8": (
        b"label,path\n0,yes/\xff.wav\n",
        r"no such file as .* again:\n  line 2: 'yes/\\udcff.wav'",
    ),
    "no label": ("word,path\nyes,yes/1.wav\n", "column 'label' is missing, found word, path"),
    "no path": ("label,wav\n0,yes/1.wav\n", "column 'path' is missing, found label, wav"),
    "label twice": (
        "label,label,path\n1,0,yes/1.wav\n",
        "column 'label' appears more than once",
    ),
    "path twice": (
        "label,path,path\n1,yes/1.wav,no/2.wav\n",
        "column 'path' appears more than once",
    ),
    "a column too many in every row": (
        "label,path\n1,0,yes/1.wav\n",
        "not a readable CSV manifest .*line 2",
    ),
    "a comma too many in every row": (
        "label,path\n0,yes/1.wav,\n",
        "not a readable CSV manifest .*line 2",
    ),
    "an empty line before the header": ("\n" + "label,path\n0,yes/1.wav\n", "its first line is"),
    "UTF-16": ("label,path\n0,yes/1.wav\n".encode("utf-16"), "not a readable CSV manifest .*utf-8"),
    "no header": ("0,yes/1.wav\n", "column 'label' is missing"),
    "tabs": ("label\tpath\n0\tyes/1.wav\n", "column 'label' is missing"),
    "a column too many": (GOOD + "1,no,no/2.wav,x\n", "not a readable CSV manifest .*line 3"),
    "an open quote": (GOOD + '1,no,"no/2.wav\n', "not a readable CSV manifest .*inside string"),
    "label too high": (GOOD + "3,cat,cat/3.wav\n", "expected a label from 0 to 2:\n  line 3: '3'"),
    "label negative": (
        GOOD + "-1,cat,cat/3.wav\n",
        "expected a label from 0 to 2:\n  line 3: '-1'",
    ),
    "label not whole": (
        GOOD + "1.5,cat,cat/3.wav\n",
        "expected a label from 0 to 2:\n  line 3: '1.5'",
    ),
    "label no number": (
        GOOD + "yes,cat,cat/3.wav\n",
        "expected a label from 0 to 2:\n  line 3: 'yes'",
    ),
    "label NaN": (GOOD + "nan,cat,cat/3.wav\n", "expected a label from 0 to 2:\n  line 3: 'nan'"),
    "label infinite": (
        GOOD + "inf,cat,cat/3.wav\n",
        "expected a label from 0 to 2:\n  line 3: 'inf'",
    ),
    "label absent": (GOOD + ",cat,cat/3.wav\n", "expected a label from 0 to 2:\n  line 3: ''"),
    "label of another word": (
        GOOD + "0,no,no/2.wav\n",
        "another index in the labels file.*\n  line 3: 'no'",
    ),
    "no path in a row": (GOOD + "1,no\n", "cut short, its path is missing:\n  line 3: '1'"),
    "no such clip": (GOOD + "1,no,no/7.wav\n", "no such file as .* again:\n  line 3: 'no/7.wav'"),
    "a folder": (GOOD + "1,no,no\n", "no such file as .* again:\n  line 3: 'no'"),
    "a zero byte": (GOOD + "1,no,no/2.wav\0\n", r"manifest \(line 3 has a zero byte"),
    "a zero byte in a folder": (GOOD + "1,no,n\0o/2.wav\n", r"line 3 has a zero byte"),
    "out of the folder": (
        GOOD + "1,no,../2.wav\n",
        "must not leave the manifest's folder.*:\n  line 3: '../2.wav'",
    ),
    "in and out": (GOOD + "1,no,no/../../2.wav\n", "must not leave the manifest's folder"),
    "a very long name": (
        GOOD + f"1,no,{'x' * 100_000}\n",
        "no such file as .* again:\n  line 3: 'x{100,300}\\.\\.\\.x+'$",
    ),
    "no such folder": (
        GOOD + "1,no,nowhere/2.wav\n",
        "no such file as .* again:\n  line 3: 'nowhere/2.wav'",
    ),
}


@pytest.mark.parametrize(("content", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(folder, content, message):
    with pytest.raises(UserError, match=f"^{folder}/m.csv: .*{message}"):
        read(folder, content)


def test_lines_are_counted_as_an_editor_does(folder):
    with pytest.raises(UserError, match="line 4: '7'"):
        read(folder, GOOD + "\n7,no,no/2.wav\n")


def test_long_lists_are_cut(folder):
    with pytest.raises(UserError) as error:
        read(folder, GOOD + "9,cat,cat/3.wav\n" * 12)
    assert str(error.value).count("\n  line ") == 5
    assert str(error.value).endswith("\n  and 7 more")


def test_missing_manifests_and_folders(folder):
    with pytest.raises(UserError, match=r"absent.csv: no such manifest; .*open-seq2seq-prepare"):
        read_manifests([folder / "absent.csv"], LABELS)
    with pytest.raises(UserError, match="not a readable CSV manifest"):
        read_manifests([folder], LABELS)


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("header", ["label,word,speaker,path", "label,path"])
def test_a_cut_last_line_never_passes_as_another_clip(folder, header, quote):
    columns = header.split(",")
    values = {"label": "1", "word": "no", "speaker": "b", "path": f"{quote}no/2.wav{quote}"}
    first = ",".join(
        {"label": "0", "word": "yes", "speaker": "a", "path": "yes/1.wav"}[name] for name in columns
    )
    whole = f"{header}\n{first}\n"
    last = ",".join(values[name] for name in columns)
    for end in range(1, len(last) + 2):
        content = whole + f"{last}\n"[:end]
        if end >= len(last):
            assert read(folder, content) == ROWS[:2]
        else:
            with pytest.raises(UserError, match=r"m.csv: "):
                read(folder, content)


def test_labels_are_read_in_order(tmp_path):
    path = tmp_path / "labels.txt"
    write_labels(path, LABELS)
    assert read_labels(path) == LABELS
    path.write_bytes("turn\u2028off\nno\n".encode())  # which for str.splitlines would be three
    assert read_labels(path) == ("turn\u2028off", "no")
    path.write_bytes("\ufeff yes\r\nno \r\n\r\nstraße\r\n".encode())
    assert read_labels(path) == ("yes", "no", "straße")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            r"cannot read the labels file \(No such file or directory\); open-seq2seq-prepare",
        ),
        (b"", "the labels file is empty"),
        (b" \n\n", "the labels file is empty"),
        ("yes\nno\n".encode("utf-16"), r"cannot read the labels file \(.*utf-8"),
        (b"yes\nno\nyes \n", "label 'yes' appears more than once"),
    ],
)
def test_bad_labels_files(tmp_path, content, message):
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"labels.txt: {message}"):
        read_labels(path)


def test_names_that_are_not_utf8_are_written_and_read_as_their_bytes(tmp_path):
    clip = os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav")
    with open(clip, "wb"):
        pass
    label = os.fsdecode(b"caf\xe9")
    write_labels(tmp_path / "labels.txt", ("yes", label))
    assert (tmp_path / "labels.txt").read_bytes() == b"yes\ncaf\xe9\n"
    assert read_labels(tmp_path / "labels.txt") == ("yes", label)

    rows = {"label": [1], "word": [label], "speaker": [""], "path": [os.fsdecode(b"caf\xe9.wav")]}
    write_manifest(tmp_path / "m.csv", pd.DataFrame(rows))
    assert (tmp_path / "m.csv").read_bytes() == (
        b"label,word,speaker,path\n1,caf\xe9,,caf\xe9.wav\n"
    )
    (path,) = read_manifests([tmp_path / "m.csv"], ("yes", label))["path"]
    assert os.fsencode(path) == clip


def test_a_path_that_begins_with_a_tilde_is_in_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "no"))
    assert read(folder, "label,path\n1,~/2.wav\n") == [(1, "no/2.wav")]


def test_a_folder_named_tilde_is_written_so_that_it_is_not_the_home_folder(folder):
    (folder / "~").mkdir()
    (folder / "~" / "1.wav").touch()
    rows = {"label": [0], "word": ["yes"], "speaker": [""], "path": ["~/1.wav"]}
    write_manifest(folder / "v.csv", pd.DataFrame(rows))
    assert read(folder, (folder / "v.csv").read_bytes()) == [(0, "~/1.wav")]
