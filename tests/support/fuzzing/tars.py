"""Archives for ``--download`` with the right checksum: unsafe members, bombs and corruption."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import numpy as np

from open_seq2seq.system import archives
from open_seq2seq.system.archives import Archive, Wanted
from tests.support.fuzzing.edits import damage, pick
from tests.support.fuzzing.harness import refusal_of

_FILES = {"yes/a_nohash_0.wav": b"RIFF", "no/a_nohash_0.wav": bytes(1000), "LICENSE": b"as is"}
_MAX_BYTES = 1 << 20
_WANTED = Wanted(
    lambda folder: (folder / "yes").is_dir(), "dataset", "has no clips", "ask again", "make room"
)
_KINDS = (
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CONTTYPE,
    b"S",
    b"Z",
)
_NAMES = (
    *(
        "../out",
        "yes/../../out",
        "/tmp/out",
        "//tmp/out",
        "..",
        ".",
        "",
        "./",
        "yes",
        "yes/a_nohash_0.wav/x",
        "C:out",
        "..\\out",
    ),
    *(
        "a/" * 2000 + "x",
        "n" * 300,
        "\udcff",
        "yes/\n.wav",
        "~/out",
        ".../out",
        "yes/./x",
        "LICENSE",
        "CON",
        "x:y",
        "größe",
    ),
)
_PAX = (
    *({"path": name} for name in ("../out", "/tmp/out", "a\0b", "", "\udcff", "x" * 5000)),
    *({"size": size} for size in ("-1", "99999999999999", "1e9", "x", "")),
    *(
        {"linkpath": "/etc/passwd"},
        {"mtime": "nan"},
        {"uid": "9" * 30},
        {"hdrcharset": "x"},
        {"comment": "y" * 10**5},
    ),
    *(
        {"GNU.sparse.map": "0,9999999999"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 12},
    ),
)


_SOUND = ("empty members", "folders")  # many members, but not too many for a dataset


class Fuzzer:
    """Unpacks each archive from the file that a download would have written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "files.tar.gz"

    def run(self, rng: np.random.Generator) -> str:
        what, content = pick(rng, MAKERS)(rng)
        self._file.write_bytes(content)
        target = self._folder / "data"
        archive = Archive(
            "https://example.org/files.tar.gz", hashlib.sha256(content).hexdigest(), _MAX_BYTES
        )
        try:
            with refusal_of(what, str(self._file), str(self._folder), is_sound=what in _SOUND):
                archives.fetch_and_unpack(archive, self._file, target, _WANTED, keep_file=True)
            _check(target, what)
        finally:
            if target.exists():
                shutil.rmtree(target)
            left = sorted(path.name for path in self._folder.iterdir())
            assert left == ["files.tar.gz"], f"{what}: {left} are left"
        return what


def _check(folder: Path, what: str) -> None:
    """Assert that there are only regular files and folders, and not too many bytes."""
    paths = list(folder.rglob("*"))
    assert all((path.is_file() or path.is_dir()) and not path.is_symlink() for path in paths), what
    n_bytes = sum(path.stat().st_size for path in paths if path.is_file())
    assert n_bytes <= _MAX_BYTES, f"{what}: {n_bytes:,} bytes"


def _tar(rng: np.random.Generator, odd: list[tuple[tarfile.TarInfo, bytes]] | None = None) -> bytes:
    file = io.BytesIO()
    tar_format = tarfile.PAX_FORMAT
    if odd is None:
        tar_format = pick(rng, (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as tar:
        for name, content in _FILES.items():
            add(tar, tarfile.TarInfo(name), content)
        for info, content in odd or []:
            add(tar, info, content)
    return file.getvalue()


def add(tar: tarfile.TarFile, info: tarfile.TarInfo, content: bytes) -> None:
    info.size = info.size or len(content)
    if not content:
        tar.addfile(info)
        return
    padded = content.ljust(min(info.size, 1 << 16), b"\0")
    tar.addfile(info, io.BytesIO(padded))


def _members(rng: np.random.Generator) -> tuple[str, bytes]:
    """Write members with names, types and extensions that no dataset has."""
    odd, words = [], []
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.7:
            info = tarfile.TarInfo(pick(rng, _NAMES))
        else:
            info = tarfile.TarInfo(f"yes/{rng.integers(5)}.wav")
        if rng.random() < 0.4:
            info.type = pick(rng, _KINDS)
            info.linkname = pick(rng, ("/etc/passwd", "../..", "yes", "LICENSE", "loop", info.name))
        if rng.random() < 0.3:
            info.pax_headers = dict(pick(rng, _PAX))
        if rng.random() < 0.2:
            info.type = tarfile.DIRTYPE
        content = b""
        if info.type == tarfile.REGTYPE:
            content = b"x" * int(pick(rng, (0, 1, 512, 600)))
        odd.append((info, content))
        words.append(f"{info.name[:20]!r} of type {info.type!r} {str(info.pax_headers)[:60]}")
    return "members " + ", ".join(words), gzip.compress(_tar(rng, odd), 1)


def _corrupt(rng: np.random.Generator) -> tuple[str, bytes]:
    """Corrupt the tar, its gzip, or both; some corrupt headers have the right checksum."""
    tar = bytearray(_tar(rng))
    words = []
    if rng.random() < 0.7:
        header = 512 * int(rng.integers(len(tar) // 512))
        corrupted, how = damage(rng, bytes(tar[header : header + 512]))
        tar[header : header + 512] = corrupted
        if rng.random() < 0.7:
            seal(tar, header)
        words.append(f"header at {header}: {how}")
    content = gzip.compress(bytes(tar), 1)
    if not words or rng.random() < 0.2:
        content, how = damage(rng, content, head=30)
        words.append(f"gzip: {how}")
    return ", ".join(words), content


def seal(tar: bytearray, header: int) -> None:
    """Write the right checksum into a header of the tar (POSIX.1-1988, ustar)."""
    block = tar[header : header + 512]
    if len(block) == 512:
        block[148:156] = b" " * 8
        tar[header + 148 : header + 156] = b"%06o\0 " % sum(block)


def _bomb(rng: np.random.Generator) -> tuple[str, bytes]:
    """Write archives that are small until they are unpacked, or whose headers claim huge sizes."""
    kind = pick(
        rng, ("zeros", "sizes", "long name", "chain of names", "empty members", "sparse", "folders")
    )
    info = tarfile.TarInfo("yes/big.wav")
    if kind == "zeros":
        info.size = 4 << 20
        return kind, gzip.compress(info.tobuf() + bytes(info.size), 1)
    if kind == "sizes":
        info.size = int(pick(rng, (_MAX_BYTES + 1, 1 << 33, 1 << 62, (1 << 88) - 1)))
        return f"{kind} {info.size:,}", gzip.compress(info.tobuf(tarfile.GNU_FORMAT), 1)
    if kind in ("long name", "chain of names"):
        info.name = "././@LongLink"
        info.type = pick(rng, (b"L", b"K", b"x", b"g"))
        n_members = 3000
        info.size = 1
        if kind == "long name":
            n_members = 1
            info.size = int(pick(rng, (2 << 20, 16 << 20)))
        content = b"11 path=abc\n".ljust(-(-info.size // 512) * 512, b"\0")
        member = info.tobuf(tarfile.GNU_FORMAT) + content
        return f"{kind}, type {info.type!r}", gzip.compress(member * n_members, 1)
    if kind == "sparse":
        info.type = tarfile.GNUTYPE_SPARSE
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        block[386:410] = b"%011o\0" % 0 + b"%011o\0" % 0  # the first hole, of no bytes
        block[483:495] = b"%011o\0" % int(pick(rng, (1 << 19, 1 << 30, (1 << 33) - 1)))
        seal(block, 0)
        return kind, gzip.compress(bytes(block) + bytes(1024), 1)
    names = [f"yes/{i}" for i in range(500)]
    if kind == "folders":
        names = [f"yes/{i}" + "/d" * 80 for i in range(5)]
    return kind, gzip.compress(_tar(rng, [(tarfile.TarInfo(name), b"") for name in names]), 1)


MAKERS = (_members, _corrupt, _bomb)
