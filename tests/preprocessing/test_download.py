"""The published data set; what holds of every archive is in tests/test_archives.py."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.download import RELEASES, download_dataset
from open_seq2seq.system.archives import Archive
from tests.support.archive_server import member, tar_gz

CLIPS = {
    "./yes/0_nohash_0.wav": b"RIFF yes",
    "./no/0_nohash_0.wav": b"RIFF no",
    "./testing_list.txt": b"yes/0\n",
}
NAME = "speech_commands.tar.gz"


@pytest.fixture
def server(server):
    server.content = tar_gz(CLIPS)
    return server


def _assert_complete(data_dir: Path) -> None:
    for name, content in CLIPS.items():
        assert (data_dir / name).read_bytes() == content
    archive = data_dir.parent / "speech_commands.tar.gz"
    assert {path.name for path in data_dir.parent.iterdir()} == {
        data_dir.name,
        archive.name,
    }  # nothing else is left


def test_fetches_checks_and_unpacks(server, tmp_path):
    download_dataset(tmp_path / "new" / "clips", server.archive(NAME))
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
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert server.seen == []
    assert "already holds clips" in caplog.text
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["ja"]


def test_an_empty_folder_gives_way_and_a_full_one_does_not(server, tmp_path):
    (tmp_path / "clips").mkdir()
    download_dataset(tmp_path / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "clips")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("...")
    with pytest.raises(UserError, match="thesis: holds something other than clips"):
        download_dataset(tmp_path / "thesis", server.archive(NAME))
    assert (tmp_path / "thesis" / "chapter1.txt").exists()


def test_an_archive_that_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "speech_commands.tar.gz").write_bytes(server.content)
    download_dataset(tmp_path / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "clips")
    assert server.seen == []


def test_a_wrong_checksum_leaves_nothing_to_go_on_from(server, tmp_path):
    wrong = server.archive(NAME)._replace(sha256="0" * 64)
    with pytest.raises(
        UserError, match=f"SHA-256 is {server.archive(NAME).sha256}, expected {'0' * 64}"
    ):
        download_dataset(tmp_path / "clips", wrong)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "speech_commands.tar.gz").write_bytes(b"the user's own")
    with pytest.raises(UserError, match="delete it and run the command again"):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert (tmp_path / "speech_commands.tar.gz").read_bytes() == b"the user's own"


def test_refusals_of_the_server_and_of_the_network(server, tmp_path):
    server.status = 404
    with pytest.raises(
        UserError,
        match=r"answered 404 Not Found.*By hand: fetch the URL to .*speech_commands.tar.gz",
    ):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert len(server.seen) == 1
    gone = Archive(
        "http://127.0.0.1:9/speech_commands.tar.gz", "0" * 64, 1
    )  # port 9: nobody listens
    with pytest.raises(UserError, match=r"no answer .*Connection refused"):
        download_dataset(tmp_path / "clips", gone)


def test_a_full_disk_is_named(server, tmp_path, monkeypatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", fail)
    with pytest.raises(UserError, match=r"No space left on device.*make room"):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert [path.name for path in tmp_path.iterdir()] == ["speech_commands.tar.gz"]


def test_goes_on_in_a_later_call(server, tmp_path):
    server.cut_after = [100, 0]
    cut = "--download: .*the connection was cut, with 100 bytes fetched; run the command again to go on from there"
    with pytest.raises(UserError, match=cut):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    download_dataset(tmp_path / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "clips")
    assert server.seen[-1] == ("bytes=100-", 206)


def test_an_archive_of_something_else_is_refused(server, tmp_path):
    server.content = tar_gz(CLIPS, member("yes/link", tarfile.SYMTYPE, "no"))
    with pytest.raises(UserError, match=r"speech_commands.tar.gz: member 'yes/link' is a link"):
        download_dataset(tmp_path / "linked", server.archive(NAME))
    (tmp_path / NAME).unlink()
    server.content = tar_gz({"./yes/list.txt": b""})
    with pytest.raises(UserError, match=r"holds no <word>.*it is not a Speech Commands archive"):
        download_dataset(tmp_path / "texts", server.archive(NAME))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
