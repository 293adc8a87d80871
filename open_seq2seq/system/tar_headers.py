"""Reading a tar that may come from anywhere."""

from __future__ import annotations

import tarfile
import zlib

# what goes wrong while one is read: for headers that are cut or made by hand Python's reader lets
# out more than its own
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
    """A header, for ``tarfile.open(tarinfo=...)``, that is refused where it would fill the memory.

    Long names and the like are members of their own, which the reader takes into memory whole
    before it shows any.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> TarHeader:
        header = super().frombuf(buf, encoding, errors)
        if header.type not in _MEMBERS and header.size > _LONGEST_EXTENSION:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header
