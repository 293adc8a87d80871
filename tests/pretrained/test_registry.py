"""Registries of models: where names are looked up, what is fetched, and what is refused."""

import json
import tarfile
from pathlib import Path

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.pretrained.registry import locate
from tests.support.archive_server import member, tar_gz

# enough of a run to be found; test_model.py loads real ones
RUN = {"checkpoints/step-00000012/state.json": b"{}"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPEN_SEQ2SEQ_REGISTRY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def server(server):
    server.content = tar_gz(RUN)
    return server


def _register(entry, name="lamp"):
    Path("pretrained_models.json").write_text(json.dumps({name: entry}))


def _entry(server, **others):
    archive = server.archive()
    return {"url": archive.url, "sha256": archive.sha256, **others}


def _cached():
    return sorted(path.name for path in Path("cache/open_seq2seq").iterdir())


def test_two_models_of_one_name_are_kept_apart(server):
    folders = []
    for content in (tar_gz(RUN), tar_gz({**RUN, "notes.txt": b"better"})):
        server.content = content
        _register(_entry(server, sha256=server.archive().sha256.upper()))
        folders.append(locate("lamp", download=True))
        name = f"lamp-{server.archive().sha256[:12]}"
        assert folders[-1] == Path.cwd() / "cache" / "open_seq2seq" / name
    assert [(folder / "notes.txt").exists() for folder in folders] == [False, True]
    assert len(_cached()) == len(server.seen) == 2  # the archives are gone


def test_the_cache_is_in_the_home_folder_by_default(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    _register(_entry(server))
    for unset in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert locate("lamp", download=True).parent == tmp_path / "home" / ".cache" / "open_seq2seq"
    assert len(server.seen) == 1


def test_a_model_with_a_path_is_kept_there(server):
    _register(_entry(server, path="models/lamp"))
    assert locate("lamp", download=True).samefile("models/lamp")
    assert locate("lamp", download=False).samefile("models/lamp")
    assert [path.name for path in Path("models").iterdir()] == ["lamp"] and _cached() == []
    assert len(server.seen) == 1
    Path("thesis").mkdir()
    Path("thesis/chapter1.txt").touch()
    _register(_entry(server, path="thesis"))
    with pytest.raises(
        UserError, match="thesis: has files that are not a model; move it away and call"
    ):
        locate("lamp", download=True)
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter1.txt"]


@pytest.mark.parametrize("top", ["", "./", "lamp/", "./lamp/"])
@pytest.mark.parametrize(
    "name", [*RUN, "best_models/step-00000012/state.json", "step-00000012/state.json", "state.json"]
)
def test_a_model_is_at_the_top_or_one_folder_deep(server, top, name):
    server.content = tar_gz({f"{top}{name}": b"{}", ".hidden/state.json": b"{}"})
    _register(_entry(server))
    assert (locate("lamp", download=True) / name).is_file()


@pytest.mark.parametrize(
    ("files", "odd", "reason"),
    [
        ({}, [member("link", tarfile.SYMTYPE, "/etc/passwd")], "member 'link' is a link"),
        ({}, [member("hard", tarfile.LNKTYPE, next(iter(RUN)))], "member 'hard' is a link"),
        ({"../escaped": b""}, [], "points outside the model's folder"),
        ({"/tmp/escaped": b""}, [], "points outside the model's folder"),
    ],
)
def test_unsafe_archives_are_refused(server, files, odd, reason):
    server.content = tar_gz({**RUN, **files}, *odd)
    _register(_entry(server))
    with pytest.raises(UserError, match=f"^{server.archive().url}: .*{reason}"):
        locate("lamp", download=True)
    assert _cached() == []


@pytest.mark.parametrize(
    "names", [["a/b/state.json"], ["a/state.json", "b/state.json"], ["state.txt"]]
)
def test_archives_without_one_model_are_refused(server, names):
    server.content = tar_gz(dict.fromkeys(names, b"{}"))
    _register(_entry(server))
    with pytest.raises(UserError, match="has no model"):
        locate("lamp", download=True)
    assert _cached() == []


def test_a_file_with_a_wrong_checksum_is_deleted(server):
    _register(_entry(server, sha256="0" * 64))
    with pytest.raises(
        UserError,
        match=rf"expected {'0' * 64} .*: call from_pretrained\(\"lamp\", download=True\) again",
    ):
        locate("lamp", download=True)
    assert _cached() == []


def test_a_server_that_does_not_answer_is_named(server):
    url = "http://127.0.0.1:9/lamp.tar.gz"  # nothing listens on port 9
    _register(_entry(server, url=url))
    with pytest.raises(
        UserError,
        match=f"^{url}: no answer .*By hand: fetch the URL to (.*) and call from_pretrained",
    ) as e:
        locate("lamp", download=True)
    by_hand = str(e.value).split("fetch the URL to ")[1].split(" and ")[0]
    Path(by_hand).write_bytes(server.content)
    assert (locate("lamp", download=True) / next(iter(RUN))).is_file()
    assert server.seen == []


SHA256 = "0" * 64


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ([], "expected JSON such as"),
        ("runs/lamp", "expected JSON such as"),
        ({}, "lamp: expected a 'path', or a 'url' and its 'sha256'"),
        ({"path": 3}, "lamp/path: expected str, got 3"),
        ({"path": ""}, "lamp/path: "),
        ({"url": "http://a.org/b"}, "lamp: 'url' and 'sha256' go together"),
        ({"path": "runs/lamp", "sha256": SHA256}, "lamp: 'url' and 'sha256' go together"),
        (
            {"url": "http://a.org/b", "sha256": "12ab"},
            "lamp/sha256: expected 64 hexadecimal digits, got '12ab'",
        ),
        (
            {"url": "http://a.org/b", "sha": SHA256},
            "lamp: unknown parameter 'sha', did you mean 'sha256'",
        ),
        ({"url": "file:///etc/passwd", "sha256": SHA256}, "lamp/url: expected http:// or https://"),
        ({"url": "http://", "sha256": SHA256}, "lamp/url: expected http:// or https://"),
        ({"url": "http:///b", "sha256": SHA256}, "lamp/url: expected http:// or https://"),
        ({"url": "http://a.org/ü", "sha256": SHA256}, "lamp/url: expected http:// or https://"),
        ({"url": "http://a.org:x/b", "sha256": SHA256}, "lamp/url: Port could not be cast"),
        ({"url": "http://[a/b", "sha256": SHA256}, "lamp/url: Invalid IPv6 URL"),
    ],
)
def test_invalid_entries_are_refused(entry, reason):
    _register(entry)
    with pytest.raises(UserError, match=reason):
        locate("lamp", download=True)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../lamp", "a/b", "a\\b", "/lamp", ".hidden", "a\n", "a\0", "C:a", "x" * 201],
)
def test_names_that_cannot_be_in_a_folders_name_are_refused(server, name):
    _register(_entry(server), name)
    with pytest.raises(UserError, match="expected a name of letters, digits"):
        locate("lamp", download=True)


def test_long_names_and_other_alphabets_are_accepted(server):
    for name in ("x" * 200, "лампа-1.0+b_2"):
        _register(_entry(server), name)
        assert locate(name, download=True).is_dir()
