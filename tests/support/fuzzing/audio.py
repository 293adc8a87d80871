"""WAV and FLAC files, correct and corrupt, and other things at a clip's path."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from open_seq2seq.data.audio import BadAudioError, check_header, read_wav
from open_seq2seq.data.waveforms import Reading, WaveformStore
from tests.support.fuzzing import wav_files
from tests.support.fuzzing.edits import damage, pick, put_no_file
from tests.support.fuzzing.harness import Refused, refusal_of
from tests.support.fuzzing.wav_files import Encoding, chunk

_RATE = 16000
_STOPPING = Reading(num_readers=1)
_SKIPPING = Reading(num_readers=1, on_bad_audio="skip")
_NAMES = (
    "clip.wav",
    "clip.flac",
    "a b.wav",
    "ja\nnein.wav",
    "größe.wav",
    "日本.wav",
    "-.wav",
    "no ending",
    "'.wav",
)
_NO_AUDIO = {
    "text": b"label,path\n0,yes/1.wav\n" * 9,
    "PNG": bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(200),
    "zeros": bytes(4096),
    "empty": b"",
    "gzip": bytes.fromhex("1f8b08000000000000ff") + bytes(50),
    "RIFF of something else": b"RIFF\x20\0\0\0AVI LIST" + bytes(50),
}


class Clip(NamedTuple):
    """A file, and the samples that must be read from it if it is accepted."""

    content: bytes
    what: str
    expected: np.ndarray | None = None  # float64 in [-1, 1], mono at `_RATE`; None: unknown
    margin: int = 0  # samples at both ends that a resampling filter changes
    is_sound: bool = False  # must be accepted


class Fuzzer:
    """Every clip passes the header check, the decoder, and the store that a dataset reads from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, rng: np.random.Generator) -> str:
        path = self._folder / pick(rng, _NAMES)
        if rng.random() < 0.12:
            what = _put_no_file(rng, path)
            try:
                _assert_refused(str(path))
            finally:
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)
            raise Refused(what)
        clip = pick(rng, (_wav, _wav, _wav, _flac, _no_audio))(rng)
        path.write_bytes(clip.content)
        try:
            _check(clip, str(path))
        finally:
            path.unlink()
        return clip.what


def _check(clip: Clip, path: str) -> None:
    try:
        samples = read_wav(path, _RATE).samples
    except BadAudioError as error:
        assert not clip.is_sound, f"{clip.what}: refused, {error}"
        assert str(error).strip(), f"{clip.what}: refused without a reason"
        assert len(str(error)) < 300, f"{clip.what}: a reason of {len(str(error))} characters"
        _assert_refused(path)
        raise Refused(clip.what) from None
    assert samples.dtype == np.int16 and samples.ndim == 1 and len(samples), (
        f"{clip.what}: {samples.shape}"
    )
    n_in_header = check_header(path, _RATE).n_samples
    assert len(samples) <= n_in_header, (
        f"{clip.what}: {len(samples)} samples, the header says {n_in_header}"
    )
    if clip.expected is not None:
        _compare(samples, clip)
    store = _open(path, _STOPPING)
    waveforms, lengths = store.take(np.array([0]), np.zeros(1), _RATE)
    assert not store.bad and lengths[0] == min(len(samples), _RATE)
    np.testing.assert_array_equal(waveforms[0, : lengths[0]], samples[: lengths[0]])


def _open(path: str, reading: Reading) -> WaveformStore:
    return WaveformStore([path], reading, sample_rate=_RATE, n_samples=_RATE)


def _compare(samples: np.ndarray, clip: Clip) -> None:
    """Compare the samples, which may be only the first ones of the clip.

    They may differ by the rounding to 16 bits, or after resampling by the ripple of the filter.
    """
    assert clip.expected is not None
    expected = np.clip(np.rint(clip.expected * 32768), -32768, 32767)
    n, margin = len(samples), clip.margin
    tolerance, n_rounded = 1, 0
    if margin:
        tolerance, n_rounded = 40, 1  # a resampler may round the length down or up
    assert n <= len(expected), f"{clip.what}: {n} samples, {len(expected)} were written"
    if clip.is_sound:
        assert n >= len(expected) - n_rounded, f"{clip.what}: {n} samples of {len(expected)}"
    inner = slice(margin, n - margin)
    error = np.abs(samples[inner] - expected[:n][inner]).max(initial=0)
    assert error <= tolerance, f"{clip.what}: off by {error:g}"


def _assert_refused(path: str) -> None:
    """Assert that a store names the file in an error, or skips it with a reason."""
    skipping = _open(path, _SKIPPING)
    assert list(skipping.bad) == [0] and skipping.bad[0].strip()
    try:
        with refusal_of("", path):
            _open(path, _STOPPING).take(np.array([0]), np.zeros(1), _RATE)
    except Refused:
        return
    raise AssertionError("the store accepts a file that the decoder refuses")


def _wav(rng: np.random.Generator) -> Clip:
    encoding, n_channels = pick(rng, wav_files.ENCODINGS), int(pick(rng, (1, 1, 1, 2, 8)))
    rate = int(pick(rng, (_RATE, _RATE, _RATE, 8000, 22050, 44100, 48000)))
    n_samples = int(
        pick(rng, (0, 1, 2, 400, 1600, rate, 30 * rate if rng.random() < 0.02 else 4000))
    )
    tones = _draw_tones(rng)
    samples = tones.sample(n_samples, n_channels, rate)
    data, values = wav_files.encode(samples, encoding)
    what = (
        f"WAV, tag {encoding.tag}, {encoding.bits} bits, {n_channels} channels, {rate} Hz, "
        f"{n_samples} samples"
    )
    fmt = chunk(
        b"fmt ", wav_files.fmt_chunk(encoding, rate, n_channels, extensible=rng.random() < 0.2)
    )
    before, after = _other_chunks(rng), _other_chunks(rng)
    expected, margin = _expected(values, tones, n_channels, rate, encoding)
    sound = Clip(
        wav_files.riff([fmt, *before, chunk(b"data", data), *after]),
        what,
        expected,
        margin,
        n_samples > 0,
    )
    if rate > _RATE and n_samples < 2:
        sound = sound._replace(is_sound=False)  # resampling may leave no sample
    edit = pick(
        rng,
        (
            "none",
            "none",
            "damage",
            "damage",
            "damage",
            "size",
            "cut data",
            "twice",
            "fields",
            "NaN",
        ),
    )
    if edit == "damage":
        content, how = damage(rng, sound.content, head=120)
        return Clip(content, f"{what}: {how}")
    if edit == "size":  # a wrong size of the file or of the data
        size = int(pick(rng, (0, 1, 35, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)))
        if pick(rng, (True, False)):
            content = wav_files.riff([fmt, *before, chunk(b"data", data)], size)
        else:
            content = wav_files.riff([fmt, *before, chunk(b"data", data, size)])
        return sound._replace(content=content, what=what + ": size", is_sound=False)
    if edit == "cut data":
        cut = data[: rng.integers(len(data) + 1)]
        content = wav_files.riff([fmt, chunk(b"data", data)])[: -len(data) or None] + cut
        return Clip(content, what + ": data cut", expected if rate == _RATE else None)
    if edit == "twice":
        parts = [fmt, *before, chunk(b"data", data)]
        return Clip(wav_files.riff([*parts, pick(rng, parts)]), what + ": a chunk twice")
    if edit == "fields":
        content, how = _with_odd_fields(rng, fmt, data)
        return Clip(content, f"{what}: {how}")
    if edit == "NaN" and encoding.tag == wav_files.IEEE_FLOAT and n_samples:
        bad = samples.copy()
        bad[rng.integers(n_samples), rng.integers(n_channels)] = pick(
            rng, (np.nan, np.inf, -np.inf)
        )
        return Clip(
            wav_files.riff([fmt, chunk(b"data", wav_files.encode(bad, encoding)[0])]),
            what + ": NaN",
            np.zeros(0),
        )
    return sound


class _Tones(NamedTuple):
    """A sine in each channel, whose values at any sample rate are known."""

    amplitude: float
    frequency_hz: float

    def sample(self, n_samples: int, n_channels: int, rate: int) -> np.ndarray:
        """Return float64 [n_samples, n_channels] in [-1, 1)."""
        phase = 2 * np.pi * self.frequency_hz / rate * np.arange(n_samples)[:, None]
        return self.amplitude * np.sin(phase + np.arange(n_channels))


def _draw_tones(rng: np.random.Generator) -> _Tones:
    return _Tones(rng.uniform(0.1, 0.9), rng.uniform(100, 1500))


def _expected(
    values: np.ndarray, tones: _Tones, n_channels: int, rate: int, encoding: Encoding
) -> tuple[np.ndarray | None, int]:
    """Return the mean of the channels at `_RATE` and the margin.

    It is None after resampling of 8 bits, where the steps of the encoding are too large.
    """
    if rate == _RATE:
        return values.mean(axis=1), 0
    if encoding.bits < 16:
        return None, 0
    n_samples = -(-len(values) * _RATE // rate)
    return tones.sample(n_samples, n_channels, _RATE).mean(axis=1), 500


def _other_chunks(rng: np.random.Generator) -> list[bytes]:
    names = (b"LIST", b"JUNK", b"fact", b"bext", b"id3 ", b"abcd")
    chunks = {name: rng.bytes(4 if name == b"fact" else rng.integers(40)) for name in names}
    return [
        chunk(name, chunks[name])
        for name in rng.permutation(names)[: pick(rng, (0, 0, 0, 1, 2))].tolist()
    ]


def _with_odd_fields(rng: np.random.Generator, fmt: bytes, data: bytes) -> tuple[bytes, str]:
    """Replace one or two fields of ``fmt ``, and return the file and a description."""
    fields = {  # offset, width, values
        "tag": (8, 2, (0, 2, 0x11, 0x31, 0x50, 0x55, 0x674F, 0xFFFE, 0xFFFF)),
        "channels": (10, 2, (0, 2, 3, 8, 255, 1024, 1025, 65535)),
        "rate": (12, 4, (0, 1, 999, 1000, 192000, 2**31 - 1, 2**31, 2**32 - 1)),
        "bytes per second": (16, 4, (0, 1, 2**32 - 1)),
        "bytes per frame": (20, 2, (0, 1, 3, 65535)),
        "bits": (22, 2, (0, 1, 4, 7, 12, 16, 20, 24, 32, 48, 64, 65535)),
    }
    changed, words = bytearray(fmt), []
    for name in rng.permutation(list(fields))[: rng.integers(1, 3)]:
        offset, width, values = fields[name]
        value = int(pick(rng, values))
        changed[offset : offset + width] = value.to_bytes(width, "little")
        words.append(f"{name} {value}")
    return wav_files.riff([bytes(changed), chunk(b"data", data)]), ", ".join(words)


def _flac(rng: np.random.Generator) -> Clip:
    bits, n_channels = int(pick(rng, (16, 24))), int(pick(rng, (1, 2)))
    n_samples = int(pick(rng, (1, 100, 5000, 16000)))
    values = np.floor(
        _draw_tones(rng).sample(n_samples, n_channels, _RATE) * 2 ** (bits - 1)
    ).astype(np.int32)
    file = io.BytesIO()
    soundfile.write(file, values << (32 - bits), _RATE, format="FLAC", subtype=f"PCM_{bits}")
    what = f"FLAC, {bits} bits, {n_channels} channels, {n_samples} samples"
    if rng.random() < 0.3:
        return Clip(file.getvalue(), what, values.mean(axis=1) / 2 ** (bits - 1), is_sound=True)
    content, how = damage(rng, file.getvalue(), head=60)
    return Clip(content, f"{what}: {how}")


def _no_audio(rng: np.random.Generator) -> Clip:
    if rng.random() < 0.3:
        return Clip(rng.bytes(rng.integers(1, 3000)), "random bytes")
    what = pick(rng, list(_NO_AUDIO))
    return Clip(_NO_AUDIO[what], what, np.zeros(0))


def _put_no_file(rng: np.random.Generator, path: Path) -> str:
    what = pick(
        rng, ("absent", "folder", "pipe", "device", "loop", "dangling link", "link to a pipe")
    )
    put_no_file(path, what)
    if what == "dangling link":
        path.symlink_to("nowhere.wav")
    elif what == "link to a pipe":
        pipe = path.with_name("pipe")
        if not pipe.exists():
            os.mkfifo(pipe)
        path.symlink_to(pipe)
    return what
