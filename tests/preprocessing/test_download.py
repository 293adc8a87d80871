"""Download of the published dataset; tests/system/test_archives.py covers archives in general."""

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
    # nothing else is left
    assert {path.name for path in data_dir.parent.iterdir()} == {data_dir.name, archive.name}


def test_an_archive_is_fetched_verified_and_unpacked(server, tmp_path):
    download_dataset(tmp_path / "new" / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "new" / "clips")
    assert server.seen == [(None, 200)]


def test_published_releases():
    assert RELEASES["v0.01"].url.endswith("/speech_commands_v0.01.tar.gz")
    assert RELEASES["v0.02"].url.endswith("/speech_commands_v0.02.tar.gz")
    assert all(re.fullmatch("[0-9a-f]{64}", release.sha256) for release in RELEASES.values())


def test_an_existing_dataset_is_kept(server, tmp_path, caplog):
    (tmp_path / "clips" / "ja").mkdir(parents=True)
    (tmp_path / "clips" / "ja" / "0_nohash_0.wav").write_bytes(b"RIFF")
    with caplog.at_level("INFO"):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert server.seen == []
    assert "has clips already" in caplog.text
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["ja"]


def test_an_empty_folder_is_replaced_and_another_is_not(server, tmp_path):
    (tmp_path / "clips").mkdir()
    download_dataset(tmp_path / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "clips")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("...")
    with pytest.raises(UserError, match="thesis: has files that are not clips"):
        download_dataset(tmp_path / "thesis", server.archive(NAME))
    assert (tmp_path / "thesis" / "chapter1.txt").exists()


def test_an_existing_archive_is_not_fetched_again(server, tmp_path):
    (tmp_path / "speech_commands.tar.gz").write_bytes(server.content)
    download_dataset(tmp_path / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "clips")
    assert server.seen == []


def test_a_file_with_a_wrong_checksum_is_deleted_unless_it_is_the_users(server, tmp_path):
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


def test_errors_of_server_and_network_are_named(server, tmp_path):
    server.status = 404
    with pytest.raises(
        UserError,
        match=r"answered 404 Not Found.*By hand: fetch the URL to .*speech_commands.tar.gz",
    ):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert len(server.seen) == 1
    # nothing listens on port 9
    gone = Archive("http://127.0.0.1:9/speech_commands.tar.gz", "0" * 64, 1)
    with pytest.raises(UserError, match=r"no answer .*Connection refused"):
        download_dataset(tmp_path / "clips", gone)


def test_a_full_disk_is_named_with_the_remedy(server, tmp_path, monkeypatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", fail)
    with pytest.raises(UserError, match=r"No space left on device.*free 6 GB"):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    assert [path.name for path in tmp_path.iterdir()] == ["speech_commands.tar.gz"]


def test_a_later_call_resumes_the_download(server, tmp_path):
    server.cut_after = [100, 0]
    cut = (
        "--download: .*the connection was cut after 100 bytes; "
        "run the command again to resume the download"
    )
    with pytest.raises(UserError, match=cut):
        download_dataset(tmp_path / "clips", server.archive(NAME))
    download_dataset(tmp_path / "clips", server.archive(NAME))
    _assert_complete(tmp_path / "clips")
    assert server.seen[-1] == ("bytes=100-", 206)


def test_an_archive_without_a_dataset_is_refused(server, tmp_path):
    server.content = tar_gz(CLIPS, member("yes/link", tarfile.SYMTYPE, "no"))
    with pytest.raises(UserError, match=r"speech_commands.tar.gz: member 'yes/link' is a link"):
        download_dataset(tmp_path / "linked", server.archive(NAME))
    (tmp_path / NAME).unlink()
    server.content = tar_gz({"./yes/list.txt": b""})
    with pytest.raises(UserError, match=r"has no <word>.*it is not a Speech Commands archive"):
        download_dataset(tmp_path / "texts", server.archive(NAME))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
