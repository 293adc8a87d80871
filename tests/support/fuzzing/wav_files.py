"""Writer of RIFF WAVE files: PCM, float and G.711, also as WAVEFORMATEXTENSIBLE."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

PCM, IEEE_FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
# KSDATAFORMAT_SUBTYPE_..., after the format's tag
_GUID_END = bytes.fromhex("000000001000800000aa00389b71")


class Encoding(NamedTuple):
    """How a sample is written."""

    tag: int
    bits: int


ENCODINGS = (
    *(Encoding(PCM, bits) for bits in (8, 16, 16, 16, 24, 32)),
    *(Encoding(IEEE_FLOAT, bits) for bits in (32, 64)),
    Encoding(MU_LAW, 8),
    Encoding(A_LAW, 8),
)


def encode(samples: np.ndarray, encoding: Encoding) -> tuple[bytes, np.ndarray]:
    """Return the bytes of samples in [-1, 1), and the values that they encode, float64."""
    tag, bits = encoding
    if tag == IEEE_FLOAT:
        written = samples.astype(f"<f{bits // 8}")
        return written.tobytes(), written.astype(np.float64)
    if tag in (MU_LAW, A_LAW):
        codes = np.floor(256 * (samples + 1) / 2).astype(np.uint8)
        decode = {MU_LAW: _mu_law, A_LAW: _a_law}[tag]
        return codes.tobytes(), decode(codes) / 32768
    whole = np.floor(samples * 2 ** (bits - 1)).astype(np.int64)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes(), whole / 128
    lowest_bytes = whole.astype("<i8")[..., None].view(np.uint8)[..., : bits // 8]
    return lowest_bytes.tobytes(), whole / 2 ** (bits - 1)


def _mu_law(codes: np.ndarray) -> np.ndarray:
    """ITU-T G.711, table 2a, as 16-bit values."""
    inverted = ~codes.astype(np.int64) & 0xFF
    magnitude = ((((inverted & 15) << 3) + 0x84) << ((inverted >> 4) & 7)) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude)


def _a_law(codes: np.ndarray) -> np.ndarray:
    """ITU-T G.711, table 1a, as 16-bit values."""
    inverted = codes.astype(np.int64) ^ 0x55
    exponent, mantissa = (inverted >> 4) & 7, inverted & 15
    magnitude = np.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(inverted & 0x80, magnitude, -magnitude)


def fmt_chunk(encoding: Encoding, rate: int, n_channels: int, *, extensible: bool = False) -> bytes:
    """Return the content of a ``fmt `` chunk."""
    frame = n_channels * encoding.bits // 8
    tag, extension = encoding.tag, struct.pack("<H", 0)
    if extensible:
        tag, mask = EXTENSIBLE, (1 << n_channels) - 1
        extension = struct.pack("<HHIH", 22, encoding.bits, mask, encoding.tag) + _GUID_END
    elif tag == PCM:
        extension = b""
    basic = struct.pack(
        "<HHIIHH", tag, n_channels, rate, rate * frame & 0xFFFFFFFF, frame & 0xFFFF, encoding.bits
    )
    return basic + extension


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk, padded to an even length, or unpadded with a wrong ``size``."""
    if size is not None:
        return name + struct.pack("<I", size) + content
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(chunks: list[bytes], size: int | None = None) -> bytes:
    """Return a file of chunks, perhaps with a wrong ``size``."""
    content = b"WAVE" + b"".join(chunks)
    if size is None:
        size = len(content)
    return b"RIFF" + struct.pack("<I", size) + content
