"""Files and folders that are written whole or not at all."""

import os

import pytest

from open_seq2seq.system.files import remove, sha256_of, written_aside


def test_a_file_or_folder_appears_when_it_is_whole(tmp_path):
    with written_aside(tmp_path / "file") as partial:
        partial.write_text("new")
        assert not (tmp_path / "file").exists()
    with written_aside(tmp_path / "folder") as partial:
        partial.mkdir()
        (partial / "inner").touch()
    assert (tmp_path / "file").read_text() == "new" and (tmp_path / "folder" / "inner").exists()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_was_there_stays_where_the_new_one_fails(tmp_path, failure):
    (tmp_path / "file").write_text("old")
    with pytest.raises(type(failure)), written_aside(tmp_path / "file") as partial:
        partial.write_text("half")
        raise failure
    assert (tmp_path / "file").read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_what_a_kill_has_left_is_replaced(tmp_path):
    (tmp_path / ".file.partial").mkdir()
    (tmp_path / ".file.partial" / "half").touch()
    with written_aside(tmp_path / "file") as partial:
        partial.write_text("new")
    assert (tmp_path / "file").read_text() == "new" and os.listdir(tmp_path) == ["file"]


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "link")
    remove(tmp_path / "nothing")
    assert os.listdir(tmp_path) == ["kept"]


def test_the_digest_is_sha256(tmp_path):
    """FIPS 180-2, appendix B: of "abc", and of a million times "a"."""
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")
    (tmp_path / "million").write_bytes(b"a" * 10**6)
    assert sha256_of(tmp_path / "million").startswith("cdc76e5c9914fb9281a1c7e284d73e67f1809a48")
