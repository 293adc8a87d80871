"""Limits for reading tar archives from untrusted sources."""

from __future__ import annotations

import tarfile
import zlib

# errors of reading an archive: on truncated or forged headers, tarfile raises more than TarError
READ_ERRORS = (tarfile.TarError, EOFError, zlib.error, ValueError, TypeError, RecursionError)
LONGEST_NAME = 1000  # characters
_LONGEST_EXTENSION = 1 << 20  # bytes
_LINKS_AND_DEVICES = (
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
)
_MEMBERS = (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE, *_LINKS_AND_DEVICES)


class TarHeader(tarfile.TarInfo):
    """A header, for ``tarfile.open(tarinfo=...)``, that refuses extensions that fill the memory.

    Long names and other extensions are stored as members, which tarfile reads into memory whole.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> TarHeader:
        header = super().frombuf(buf, encoding, errors)
        if header.type not in _MEMBERS and header.size > _LONGEST_EXTENSION:
            raise tarfile.ReadError(
                f"a header of {header.size:,} bytes, at most {_LONGEST_EXTENSION:,} are read"
            )
        return header
