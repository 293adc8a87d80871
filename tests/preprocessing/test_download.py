from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing import download as download_module
from open_seq2seq.preprocessing.download import RELEASES, Release, download_dataset

CLIPS = {"./yes/0_nohash_0.wav": b"RIFF yes", "./no/0_nohash_0.wav": b"RIFF no", "./testing_list.txt": b"yes/0\n"}


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def _archive(*odd: tarfile.TarInfo, filler: int = 200_000) -> bytes:
    """A small archive; the filler, noise that does not compress, gives a cut somewhere to fall."""
    blob = io.BytesIO()
    noise = np.random.default_rng(0).bytes(filler)
    with tarfile.open(fileobj=blob, mode="w:gz") as archive:
        archive.addfile(_member("./yes", tarfile.DIRTYPE))
        for name, content in {**CLIPS, "./_background_noise_/hum.wav": noise}.items():
            member = _member(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in odd:
            archive.addfile(member, io.BytesIO(b"odd!") if member.isreg() else None)
    return blob.getvalue()


class Server:
    """A file server whose manners the tests set; it notes each request's Range and each answer's status."""

    def __init__(self) -> None:
        self.content = _archive()
        self.etag: str | None = '"one"'
        self.knows_range = True
        self.cut_after: list[int] = []  # how many bytes the next answers get out before the line is cut
        self.status: int | None = None
        self.seen: list[tuple[str | None, int]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/speech_commands.tar.gz"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers["Range"]
        start = int(re.findall(r"\d+", asked)[0]) if asked and self.knows_range else 0
        if start and request.headers["If-Range"] not in (None, self.etag):
            start = 0
        status = self.status or (416 if start >= len(self.content) else 206 if start else 200)
        self.seen.append((asked, status))
        body = self.content[start:] if status < 400 else b""
        request.send_response(status)
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if status == 416:
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cut_after.pop(0)] if self.cut_after else body)

    def release(self) -> Release:
        return Release(self.url, hashlib.sha256(self.content).hexdigest(), max_bytes=1_000_000)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.http.shutdown()
    server.http.server_close()


def _assert_complete(data_dir: Path) -> None:
    for name, content in CLIPS.items():
        assert (data_dir / name).read_bytes() == content
    archive = data_dir.parent / "speech_commands.tar.gz"
    assert {path.name for path in data_dir.parent.iterdir()} == {data_dir.name, archive.name}  # nothing else is left


def test_fetches_checks_and_unpacks(server, tmp_path):
    download_dataset(tmp_path / "new" / "clips", server.release())
    _assert_complete(tmp_path / "new" / "clips")
    assert server.seen == [(None, 200)]


def test_published_releases():
    assert RELEASES["v0.01"].url.endswith("/speech_commands_v0.01.tar.gz")
    assert RELEASES["v0.02"].url.endswith("/speech_commands_v0.02.tar.gz")
    assert all(re.fullmatch("[0-9a-f]{64}", release.sha256) for release in RELEASES.values())


def test_a_dataset_that_is_there_is_left_alone(server, tmp_path, caplog):
    (tmp_path / "clips" / "ja").mkdir(parents=True)
    (tmp_path / "clips" / "ja" / "0_nohash_0.wav").write_bytes(b"RIFF")
    with caplog.at_level("INFO"):
        download_dataset(tmp_path / "clips", server.release())
    assert server.seen == []
    assert "already holds clips" in caplog.text
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["ja"]


def test_an_empty_folder_gives_way_and_a_full_one_does_not(server, tmp_path):
    (tmp_path / "clips").mkdir()
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("...")
    with pytest.raises(UserError, match="thesis: holds something other than clips"):
        download_dataset(tmp_path / "thesis", server.release())
    assert (tmp_path / "thesis" / "chapter1.txt").exists()


def test_an_archive_that_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "speech_commands.tar.gz").write_bytes(server.content)
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen == []


def test_goes_on_after_cuts_in_the_same_call(server, tmp_path):
    server.cut_after = [1000, 50_000]
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen == [(None, 200), ("bytes=1000-", 206), ("bytes=51000-", 206)]


def test_goes_on_in_a_later_call(server, tmp_path):
    server.cut_after = [1000, 0]
    with pytest.raises(UserError, match="the connection was cut, with 1,000 bytes fetched; run the command again"):
        download_dataset(tmp_path / "clips", server.release())
    assert not (tmp_path / "clips").exists()
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen[-1] == ("bytes=1000-", 206)


def test_begins_again_where_the_server_has_no_ranges(server, tmp_path):
    server.cut_after, server.knows_range = [1000], False
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen == [(None, 200), ("bytes=1000-", 200)]


def test_begins_again_where_the_server_names_no_version(server, tmp_path):
    server.cut_after, server.etag = [1000], None
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen == [(None, 200), (None, 200)]


def test_forgets_the_version_of_an_older_part(server, tmp_path):
    (tmp_path / "speech_commands.tar.gz.partial").write_bytes(b"older")
    (tmp_path / "speech_commands.tar.gz.partial.version").write_text('"old"')
    server.cut_after, server.etag = [1000], None
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen == [("bytes=5-", 200), (None, 200)]


def test_begins_again_where_the_file_has_changed(server, tmp_path):
    server.cut_after = [1000, 0]
    with pytest.raises(UserError):
        download_dataset(tmp_path / "clips", server.release())
    server.content, server.etag = _archive(filler=300_000), '"two"'
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert server.seen[-1] == ("bytes=1000-", 200)


@pytest.mark.parametrize("too_much", [b"", b"more"])
def test_a_partial_file_that_is_as_long_or_longer(server, tmp_path, too_much):
    (tmp_path / "speech_commands.tar.gz.partial").write_bytes(server.content + too_much)
    (tmp_path / "speech_commands.tar.gz.partial.version").write_text('"one"')
    download_dataset(tmp_path / "clips", server.release())
    _assert_complete(tmp_path / "clips")
    assert [status for _, status in server.seen] == ([416, 200] if too_much else [416])


def test_a_wrong_checksum_leaves_nothing_to_go_on_from(server, tmp_path):
    wrong = server.release()._replace(sha256="0" * 64)
    with pytest.raises(UserError, match=f"SHA-256 is {server.release().sha256}, expected {'0' * 64}"):
        download_dataset(tmp_path / "clips", wrong)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "speech_commands.tar.gz").write_bytes(b"the user's own")
    with pytest.raises(UserError, match="delete it and run the command again"):
        download_dataset(tmp_path / "clips", server.release())
    assert (tmp_path / "speech_commands.tar.gz").read_bytes() == b"the user's own"


def test_refusals_of_the_server_and_of_the_network(server, tmp_path):
    server.status = 404
    with pytest.raises(UserError, match=r"answered 404 Not Found.*By hand: fetch the URL to .*speech_commands.tar.gz"):
        download_dataset(tmp_path / "clips", server.release())
    assert len(server.seen) == 1
    gone = Release("http://127.0.0.1:9/speech_commands.tar.gz", "0" * 64)  # port 9: nobody listens
    with pytest.raises(UserError, match=r"no answer .*Connection refused"):
        download_dataset(tmp_path / "clips", gone)


def test_a_full_disk_is_named(server, tmp_path, monkeypatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", fail)
    with pytest.raises(UserError, match=r"No space left on device.*make room"):
        download_dataset(tmp_path / "clips", server.release())
    assert [path.name for path in tmp_path.iterdir()] == ["speech_commands.tar.gz"]


@pytest.mark.parametrize("has_filter", [True, False])
@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (_member("../escaped.wav"), "points outside"),
        (_member("yes/../../escaped.wav"), "points outside"),
        (_member("/tmp/escaped.wav"), "points outside"),
        (_member("..\\escaped.wav"), "points outside"),
        (_member("C:/escaped.wav"), "points outside"),
        (_member("yes/link", tarfile.SYMTYPE, "no"), "a link or a device"),
        (_member("yes/link", tarfile.LNKTYPE, "yes/0_nohash_0.wav"), "a link or a device"),
        (_member("yes/pipe", tarfile.FIFOTYPE), "a link or a device"),
        (_member("yes/disk", tarfile.BLKTYPE), "a link or a device"),
    ],
    ids=lambda value: f"{value.name}-{value.type.decode()}" if isinstance(value, tarfile.TarInfo) else "",
)
def test_unsafe_members_are_refused(tmp_path, monkeypatch, odd, reason, has_filter):
    if not has_filter:
        monkeypatch.setattr(download_module, "_FILTER", {})
    archive = tmp_path / "speech_commands.tar.gz"
    archive.write_bytes(_archive(odd))
    release = Release("http://127.0.0.1:9/speech_commands.tar.gz", hashlib.sha256(archive.read_bytes()).hexdigest())
    with pytest.raises(UserError, match=reason):
        download_dataset(tmp_path / "clips", release)
    assert [path.name for path in tmp_path.iterdir()] == ["speech_commands.tar.gz"]


def test_an_archive_that_swells_is_refused(server, tmp_path):
    with pytest.raises(UserError, match="holds more than 100,000 bytes"):
        download_dataset(tmp_path / "clips", server.release()._replace(max_bytes=100_000))
    assert not (tmp_path / "clips").exists() and not (tmp_path / "clips.partial").exists()


@pytest.mark.parametrize("content", [b"not an archive", _archive()[:100_000]])
def test_a_damaged_archive_is_refused(tmp_path, content):
    (tmp_path / "speech_commands.tar.gz").write_bytes(content)
    release = Release("http://127.0.0.1:9/speech_commands.tar.gz", hashlib.sha256(content).hexdigest())
    with pytest.raises(UserError, match=r"speech_commands.tar.gz: cannot be unpacked"):
        download_dataset(tmp_path / "clips", release)
    assert [path.name for path in tmp_path.iterdir()] == ["speech_commands.tar.gz"]
