"""Download of archives: fetching, resuming, checksums and unpacking."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import numpy as np
import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.system import archives
from open_seq2seq.system.archives import Archive, Wanted
from open_seq2seq.system.files import is_vacant
from tests.support.archive_server import member, tar_gz

FILES = {"./plans/house.txt": b"a house", "./list.txt": b"house\n"}
PLANS = Wanted(
    is_in=lambda folder: (folder / "plans").is_dir(),
    noun="plan",
    lacking="has no plans",
    again="ask again",
    make_room="make room",
)


def _content(*odd: tarfile.TarInfo, filler: int = 200_000) -> bytes:
    """A small archive; the filler does not compress, so a cut can be anywhere in it."""
    return tar_gz({**FILES, "./noise": np.random.default_rng(0).bytes(filler)}, *odd)


@pytest.fixture
def server(server):
    server.content = _content()
    return server


def _fetch(folder: Path, archive: Archive, keep_file: bool = True) -> None:
    archives.fetch_and_unpack(
        archive, folder.parent / "plans.tar.gz", folder, PLANS, keep_file=keep_file
    )


def _assert_complete(folder: Path, *others: str) -> None:
    for name, content in FILES.items():
        assert (folder / name).read_bytes() == content
    # nothing else is left
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, *others}


@pytest.mark.parametrize(("keep_file", "kept"), [(True, ["plans.tar.gz"]), (False, [])])
def test_an_archive_is_fetched_verified_and_unpacked(server, tmp_path, keep_file, kept):
    _fetch(tmp_path / "new" / "here", server.archive(), keep_file)
    _assert_complete(tmp_path / "new" / "here", *kept)
    assert server.seen == [(None, 200)]


def test_a_download_resumes_after_cuts_in_the_same_call(server, tmp_path):
    server.cut_after = [1000, 50_000]
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert server.seen == [(None, 200), ("bytes=1000-", 206), ("bytes=51000-", 206)]


def test_a_later_call_resumes_the_download(server, tmp_path):
    server.cut_after = [1000, 0]
    with pytest.raises(UserError, match="the connection was cut after 1,000 bytes; ask again"):
        _fetch(tmp_path / "here", server.archive())
    assert not (tmp_path / "here").exists()
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert server.seen[-1] == ("bytes=1000-", 206)


def test_a_download_restarts_if_the_server_has_no_ranges(server, tmp_path):
    server.cut_after, server.knows_range = [1000], False
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert server.seen == [(None, 200), ("bytes=1000-", 200)]


def test_a_download_restarts_if_the_server_names_no_version(server, tmp_path):
    server.cut_after, server.etag = [1000], None
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert server.seen == [(None, 200), (None, 200)]


def test_the_version_of_an_older_partial_file_is_dropped(server, tmp_path):
    (tmp_path / "plans.tar.gz.partial").write_bytes(b"older")
    (tmp_path / "plans.tar.gz.partial.version").write_text('"old"')
    server.cut_after, server.etag = [1000], None
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert server.seen == [("bytes=5-", 200), (None, 200)]


def test_a_download_restarts_if_the_file_has_changed(server, tmp_path):
    server.cut_after = [1000, 0]
    with pytest.raises(UserError):
        _fetch(tmp_path / "here", server.archive())
    server.content, server.etag = _content(filler=300_000), '"two"'
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert server.seen[-1] == ("bytes=1000-", 200)


@pytest.mark.parametrize("too_much", [b"", b"more"])
def test_a_partial_file_can_be_complete_or_too_long(server, tmp_path, too_much):
    (tmp_path / "plans.tar.gz.partial").write_bytes(server.content + too_much)
    (tmp_path / "plans.tar.gz.partial.version").write_text('"one"')
    _fetch(tmp_path / "here", server.archive())
    _assert_complete(tmp_path / "here", "plans.tar.gz")
    assert [status for _, status in server.seen] == ([416, 200] if too_much else [416])


@pytest.mark.parametrize("keep_file", [True, False])
def test_a_file_with_a_wrong_checksum_is_deleted_unless_it_is_the_users(
    server, tmp_path, keep_file
):
    wrong = server.archive()._replace(sha256="0" * 64)
    with pytest.raises(
        UserError, match=f"SHA-256 is {server.archive().sha256}, expected {'0' * 64}"
    ):
        _fetch(tmp_path / "here", wrong, keep_file)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "plans.tar.gz").write_bytes(b"the user's own")
    with pytest.raises(UserError, match="delete it and ask again"):
        _fetch(tmp_path / "here", server.archive(), keep_file)
    assert (tmp_path / "plans.tar.gz").read_bytes() == b"the user's own"


def test_errors_of_server_and_network_are_named(server, tmp_path):
    server.status = 404
    with pytest.raises(
        UserError, match=r"answered 404 Not Found.*By hand: fetch the URL to .*plans.tar.gz and ask"
    ):
        _fetch(tmp_path / "here", server.archive())
    assert len(server.seen) == 1
    # nothing listens on port 9, and the second host is no address
    for url in ("http://127.0.0.1:9/plans.tar.gz", "http://127.0..1/plans.tar.gz"):
        with pytest.raises(UserError, match=f"^{url}: no answer"):
            _fetch(tmp_path / "here", Archive(url, "0" * 64, 1))


def test_a_full_disk_keeps_the_fetched_archive(server, tmp_path, monkeypatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with (
        monkeypatch.context() as full,
        pytest.raises(UserError, match=r"No space left.*make room, and ask again"),
    ):
        full.setattr(tarfile.TarFile, "extract", fail)
        _fetch(tmp_path / "here", server.archive(), keep_file=False)
    assert [path.name for path in tmp_path.iterdir()] == ["plans.tar.gz"]
    _fetch(tmp_path / "here", server.archive(), keep_file=False)
    _assert_complete(tmp_path / "here")
    assert len(server.seen) == 1


@pytest.mark.parametrize("has_filter", [True, False])
@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (member("../escaped"), "points outside"),
        (member("plans/../../escaped"), "points outside"),
        (member("/tmp/escaped"), "points outside"),
        (member("..\\escaped"), "points outside"),
        (member("C:/escaped"), "points outside"),
        (member("plans/link", tarfile.SYMTYPE, "no"), "is a link, a device"),
        (member("plans/link", tarfile.LNKTYPE, "plans/house.txt"), "is a link, a device"),
        (member("plans/pipe", tarfile.FIFOTYPE), "is a link, a device"),
        (member("plans/disk", tarfile.BLKTYPE), "is a link, a device"),
    ],
    ids=lambda value: (
        f"{value.name}-{value.type.decode()}" if isinstance(value, tarfile.TarInfo) else ""
    ),
)
def test_unsafe_members_are_refused(server, tmp_path, monkeypatch, odd, reason, has_filter):
    if not has_filter:
        monkeypatch.setattr(archives, "_FILTER", {})
    server.content = _content(odd)
    with pytest.raises(UserError, match=reason):
        _fetch(tmp_path / "here", server.archive())
    assert [path.name for path in tmp_path.iterdir()] == ["plans.tar.gz"]


def _extended(name: str) -> tarfile.TarInfo:
    """A member whose name is in an extended header, where any name is possible."""
    info = member("plans/x")
    info.pax_headers = {"path": name}
    return info


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (_extended("a\0b"), "cannot be unpacked .*null"),
        (
            _extended("n" * 300),
            r"member 'n+\.\.\.n+' cannot be written \(File name too long\); do not use",
        ),
        (
            _extended("a/" * 2000 + "x"),
            r"member 'a/a/.*\.\.\..*a/x' has a name of 4,001 characters",
        ),
        (_extended("list.txt/x"), "member 'list.txt/x' cannot be written"),
        (member("plans/holes", tarfile.GNUTYPE_SPARSE), "a sparse file"),
    ],
    ids=["null byte", "long name", "deep folder", "a file as folder", "sparse"],
)
def test_names_that_no_file_can_have_are_refused(server, tmp_path, odd, reason):
    server.content = _content(odd)
    with pytest.raises(UserError, match=reason) as error:
        _fetch(tmp_path / "here", server.archive())
    assert len(str(error.value)) < 1000
    assert [path.name for path in tmp_path.iterdir()] == ["plans.tar.gz"]


def test_headers_that_would_fill_the_memory_are_refused(server, tmp_path):
    header = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    header.size = 1 << 40
    for content in (header.tobuf(tarfile.GNU_FORMAT), _long_names(3000)):
        server.content = gzip.compress(content, 1)
        reason = r"\((a header of 1,099,511,627,776 bytes, at most|maximum recursion)"
        with pytest.raises(UserError, match=f"cannot be unpacked {reason}"):
            _fetch(tmp_path / "here", server.archive())
        (tmp_path / "plans.tar.gz").unlink()


def _long_names(n: int) -> bytes:
    header = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    header.size = 1
    return (header.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * n


def test_too_many_files_are_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 2)
    with pytest.raises(UserError, match="has more than 2 files, too many for a plan"):
        server.content = _content(member("plans/a"))
        _fetch(tmp_path / "here", server.archive())


def test_too_many_unpacked_bytes_are_refused(server, tmp_path):
    with pytest.raises(UserError, match="has more than 100,000 bytes, too many for a plan"):
        _fetch(tmp_path / "here", server.archive(max_bytes=100_000))
    assert not (tmp_path / "here").exists() and not (tmp_path / "here.partial").exists()


def test_a_refused_archive_is_kept_only_with_keep_file(server, tmp_path):
    server.content = tar_gz({"./letter.txt": b"dear"})
    with pytest.raises(UserError, match=f"{server.url}/files.tar.gz: has no plans"):
        _fetch(tmp_path / "here", server.archive(), keep_file=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not an archive", _content()[:100_000], _content()[:3]])
def test_a_corrupt_archive_is_refused(server, tmp_path, content):
    server.content = content
    with pytest.raises(UserError, match=r"plans.tar.gz: cannot be unpacked"):
        _fetch(tmp_path / "here", server.archive())
    assert [path.name for path in tmp_path.iterdir()] == ["plans.tar.gz"]


def test_only_missing_and_empty_folders_are_vacant(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    vacant = [name for name in ("new", "empty", "file", ".") if is_vacant(tmp_path / name)]
    assert vacant == ["new", "empty"]
