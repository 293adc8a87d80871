"""Archives for ``--download``: members that lead out, links, devices, bombs, and damage, behind the
right checksum.
"""

from __future__ import annotations

import gzip
import hashlib
import io
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
    lambda folder: (folder / "yes").is_dir(), "dataset", "holds no clips", "ask again", "make room"
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


_SOUND = ("empty members", "folders")  # many, but a dataset may have as many


class Fuzzer:
    """Each archive is there already under its checksum, so that it is unpacked as if it had just
    been fetched.
    """

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
            unpacked = list(target.rglob("*")) if target.is_dir() else []
            for path in sorted(unpacked, reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            if target.exists():
                target.rmdir()
            left = sorted(path.name for path in self._folder.iterdir())
            assert left == ["files.tar.gz"], f"{what}: {left} are left"
        return what


def _check(folder: Path, what: str) -> None:
    """What was accepted is plain files and folders, no larger than was allowed."""
    paths = list(folder.rglob("*"))
    assert all((path.is_file() or path.is_dir()) and not path.is_symlink() for path in paths), what
    n_bytes = sum(path.stat().st_size for path in paths if path.is_file())
    assert n_bytes <= _MAX_BYTES, f"{what}: {n_bytes:,} bytes"


def _tar(rng: np.random.Generator, odd: list[tuple[tarfile.TarInfo, bytes]] | None = None) -> bytes:
    file = io.BytesIO()
    form = (
        pick(rng, (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
        if odd is None
        else tarfile.PAX_FORMAT
    )
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name, content in _FILES.items():
            add(tar, tarfile.TarInfo(name), content)
        for info, content in odd or []:
            add(tar, info, content)
    return file.getvalue()


def add(tar: tarfile.TarFile, info: tarfile.TarInfo, content: bytes) -> None:
    info.size = info.size or len(content)
    tar.addfile(
        info,
        io.BytesIO(content + bytes(max(0, min(info.size, 1 << 16) - len(content))))
        if content
        else None,
    )


def _members(rng: np.random.Generator) -> tuple[str, bytes]:
    """Members with names, types and extensions that a dataset has not."""
    odd, words = [], []
    for _ in range(rng.integers(1, 4)):
        info = tarfile.TarInfo(
            pick(rng, _NAMES) if rng.random() < 0.7 else f"yes/{rng.integers(5)}.wav"
        )
        if rng.random() < 0.4:
            info.type = pick(rng, _KINDS)
            info.linkname = pick(rng, ("/etc/passwd", "../..", "yes", "LICENSE", "loop", info.name))
        if rng.random() < 0.3:
            info.pax_headers = dict(pick(rng, _PAX))
        if rng.random() < 0.2:
            info.type = tarfile.DIRTYPE
        odd.append(
            (info, b"" if info.type != tarfile.REGTYPE else b"x" * int(pick(rng, (0, 1, 512, 600))))
        )
        words.append(f"{info.name[:20]!r} of type {info.type!r} {str(info.pax_headers)[:60]}")
    return "members " + ", ".join(words), gzip.compress(_tar(rng, odd), 1)


def _damaged(rng: np.random.Generator) -> tuple[str, bytes]:
    """Damage to the tar, to its gzip, or to both; a header may have the right checksum all the
    same.
    """
    tar = bytearray(_tar(rng))
    words = []
    if rng.random() < 0.7:
        header = 512 * int(rng.integers(len(tar) // 512))
        damaged, how = damage(rng, bytes(tar[header : header + 512]))
        tar[header : header + 512] = damaged
        if rng.random() < 0.7:
            seal(tar, header)
        words.append(f"header at {header}: {how}")
    content = gzip.compress(bytes(tar), 1)
    if not words or rng.random() < 0.2:
        content, how = damage(rng, content, head=30)
        words.append(f"gzip: {how}")
    return ", ".join(words), content


def seal(tar: bytearray, header: int) -> None:
    """Give a header of the tar the checksum that belongs to it (POSIX.1-1988, ustar)."""
    block = tar[header : header + 512]
    if len(block) == 512:
        block[148:156] = b" " * 8
        tar[header + 148 : header + 156] = b"%06o\0 " % sum(block)


def _bomb(rng: np.random.Generator) -> tuple[str, bytes]:
    """Archives that are small until they are unpacked, or that say they are huge."""
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
        info.name, info.type = "././@LongLink", pick(rng, (b"L", b"K", b"x", b"g"))
        info.size = 1 if kind == "chain of names" else int(pick(rng, (2 << 20, 16 << 20)))
        one = info.tobuf(tarfile.GNU_FORMAT) + b"11 path=abc\n".ljust(
            -(-info.size // 512) * 512, b"\0"
        )
        return f"{kind}, type {info.type!r}", gzip.compress(
            one * (3000 if kind == "chain of names" else 1), 1
        )
    if kind == "sparse":
        info.type, info.pax_headers = tarfile.GNUTYPE_SPARSE, {}
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        block[386:398], block[398:410] = b"%011o\0" % 0, b"%011o\0" % 0
        block[483:495] = b"%011o\0" % int(pick(rng, (1 << 19, 1 << 30, (1 << 33) - 1)))
        seal(block, 0)
        return kind, gzip.compress(bytes(block) + bytes(1024), 1)
    names = (
        f"yes/{i}" + "/d" * (80 if kind == "folders" else 0)
        for i in range(500 if kind == "empty members" else 5)
    )
    return kind, gzip.compress(_tar(rng, [(tarfile.TarInfo(name), b"") for name in names]), 1)


MAKERS = (_members, _damaged, _bomb)
