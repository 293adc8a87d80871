"""Reading audio files as int16 mono waveforms at one sample rate."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from open_seq2seq.data import flaws
from open_seq2seq.errors import counted
from open_seq2seq.system.files import check_plain

_FULL_SCALE = 32768.0
# of a file's samples: 2 dB more than full scale, which lossy decoders do reach
_LOUDEST = 1.25
# Hz; beyond them a header is wrong, and resampling would take gigabytes, of samples or of filter
_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000
_MOST_FRAMES = 1 << 40
# of all channels, before or after resampling, 1 GB; a FLAC of silence can hold far more
_MOST_SAMPLES = 1 << 28
_BLOCK = 1 << 20  # frames
_FIRST_BLOCK = 1 << 10
_MOST_CHANNELS = 64  # of an array; one with more has its dimensions the other way round
_SUBTYPES = {
    "float32": "FLOAT",
    "float64": "FLOAT",
    "float16": "FLOAT",
    "int16": "PCM_16",
    "int32": "PCM_32",
    "uint8": "PCM_U8",
}
# TypeError: of formats without a header
_READ_ERRORS = (soundfile.SoundFileError, OSError, ValueError, TypeError)


def open_audio(source: str | Path | BytesIO) -> soundfile.SoundFile:
    """Open a file, or one in memory, for libsndfile.

    Raises:
        OSError, ValueError, TypeError, soundfile.SoundFileError: it cannot be opened; see
            `reason_of`.
    """
    if isinstance(source, BytesIO):
        return soundfile.SoundFile(source)
    check_plain(source)
    # as bytes: soundfile refuses a name that is not UTF-8
    return soundfile.SoundFile(os.fsencode(source))


class BadAudioError(Exception):
    """A file that gives no waveform; the message says why."""


class LoudAudioError(BadAudioError):
    """A file whose samples are so far beyond full scale that clipping would destroy its sound.

    Attributes:
        peak: its largest absolute sample, with its channels averaged; 1 is full scale.
    """

    def __init__(self, peak: float) -> None:
        super().__init__(f"its samples reach {peak:,.4g} times full scale, expected 1 at most")
        self.peak = peak


class Waveform(NamedTuple):
    """One clip as the rest of the toolkit sees it."""

    samples: np.ndarray  # int16 [samples]; float32, 1 is full scale, where `read_float` gives it
    converted_from: str  # "8000 Hz, 2 channels, PCM_16", or "" where the file was as it should be
    flaw: str = ""  # of `flaws`: what is wrong with the sound, or "" for nothing


class Header(NamedTuple):
    """What a file says of itself before it is decoded."""

    n_samples: int  # of the waveform that `read_wav` makes of it
    converted_from: str  # as `Waveform.converted_from`


def as_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """Return a WAV file of an array: what is given in memory is read as files are.

    Args:
        samples: [samples] or [samples, channels], floats between -1 and 1, or int16, int32 or
            uint8.
        sample_rate: in Hz.

    Raises:
        BadAudioError: it has other dimensions, or another dtype.
    """
    subtype = _SUBTYPES.get(samples.dtype.name)
    if subtype is None:
        raise BadAudioError(f"its dtype is {samples.dtype}, expected one of {', '.join(_SUBTYPES)}")
    if samples.ndim not in (1, 2) or samples.shape[1:] > (_MOST_CHANNELS,):
        raise BadAudioError(
            f"its shape is {samples.shape}, expected (samples,) or (samples, channels)"
        )
    if subtype == "FLOAT":
        samples = samples.astype(np.float32)
    elif subtype == "PCM_U8":
        samples = (samples.astype(np.int16) - 128) << 8  # as libsndfile reads such a file
    file = BytesIO()
    try:
        soundfile.write(file, samples, sample_rate, format="WAV", subtype=subtype)
    except _READ_ERRORS:
        raise BadAudioError(f"its sample rate is {sample_rate} Hz") from None
    return file.getvalue()


def read_wav(path: str | BytesIO, sample_rate: int, gain: float = 1.0) -> Waveform:
    """Read any file that libsndfile knows.

    Channels are averaged and other sample rates resampled (soxr, high quality); 16-bit mono files
    at ``sample_rate`` keep every sample as it is. What decoding or resampling lifts slightly above
    full scale is clipped.

    Args:
        path: file to read, or the contents of one.
        sample_rate: wanted rate in Hz.
        gain: factor of the samples; 16-bit mono files at ``sample_rate`` need none.

    Raises:
        BadAudioError: no audio, no samples, or samples that are not finite.
        LoudAudioError: samples far beyond full scale.
    """
    decoded = _decode(path, sample_rate)
    if not decoded.converted_from:
        samples = decoded.samples[:, 0]
        return Waveform(samples, "", flaws.of_samples(samples))
    mono, flaw = _to_mono(decoded, sample_rate, gain)
    # clipped first: the largest floats would overflow
    samples = np.rint(np.clip(mono, -1.0, 1.0 - 1.0 / _FULL_SCALE) * _FULL_SCALE).astype(np.int16)
    return Waveform(samples, decoded.converted_from, flaw)


def read_float(path: str | BytesIO, sample_rate: int) -> Waveform:
    """Read a file as `read_wav` does, without rounding its samples to int16.

    Raises:
        BadAudioError, LoudAudioError: as `read_wav`.
    """
    decoded = _decode(path, sample_rate)
    mono, flaw = _to_mono(decoded, sample_rate)
    return Waveform(mono, decoded.converted_from, flaw)


def check_header(path: str | BytesIO, sample_rate: int) -> Header:
    """Read a file's header only.

    Raises:
        BadAudioError: the header promises no audio.
    """
    with _opened(path) as audio:
        return _header(audio, sample_rate)


def glance(path: str | BytesIO, sample_rate: int) -> tuple[Header, str]:
    """Read a file's header and, if it needs no conversion, its samples up to the first sound.

    Returns:
        what the header says, and `flaws.SILENT` if there is no sound, or "".

    Raises:
        BadAudioError: the header promises no audio, or it cannot be read so far.
    """
    with _opened(path) as audio:
        header = _header(audio, sample_rate)
        if header.converted_from:
            return header, ""
        lowest, highest = np.int16(32767), np.int16(-32768)
        while len(block := audio.read(_FIRST_BLOCK, dtype="int16")):
            lowest, highest = min(lowest, block.min()), max(highest, block.max())
            if not flaws.of_samples(np.array([lowest, highest])):
                return header, ""
        return header, flaws.SILENT


@contextlib.contextmanager
def _opened(path: str | BytesIO) -> Iterator[soundfile.SoundFile]:
    try:
        with open_audio(path) as audio:
            yield audio
    except _READ_ERRORS as error:
        raise BadAudioError(reason_of(error)) from None


def _header(audio: soundfile.SoundFile, sample_rate: int) -> Header:
    if not audio.frames:
        raise BadAudioError("it holds no samples")
    n_samples = -(-audio.frames * sample_rate // audio.samplerate)
    return Header(n_samples, _conversion(audio, sample_rate))


class _Decoded(NamedTuple):
    """The samples of a file before anything is done to them."""

    samples: np.ndarray  # [frames, channels], int16 where the file is, else float32
    rate: int  # Hz
    subtype: str  # libsndfile's name of the sample format
    converted_from: str


def _decode(path: str | BytesIO, sample_rate: int) -> _Decoded:
    with _opened(path) as audio:
        converted_from = _conversion(audio, sample_rate)
        dtype = "int16" if audio.subtype == "PCM_16" else "float32"
        samples = _read_all(audio, dtype)
        decoded = _Decoded(samples, audio.samplerate, audio.subtype, converted_from)
    if not len(samples):
        raise BadAudioError("it holds no samples")
    if samples.dtype != np.int16 and not np.isfinite(samples).all():
        raise BadAudioError("it holds samples that are NaN or infinite")
    return decoded


def _to_mono(decoded: _Decoded, sample_rate: int, gain: float = 1.0) -> tuple[np.ndarray, str]:
    """Average the channels and resample; return float32 [samples] and the flaw of the sound."""
    samples, rate = decoded.samples, decoded.rate
    with np.errstate(over="ignore"):
        mono = samples.mean(axis=1, dtype=np.float32)
    if samples.dtype == np.int16:
        mono /= np.float32(_FULL_SCALE)
    mono *= np.float32(gain)
    peak = float(np.abs(mono).max())
    if not np.isfinite(peak):
        raise BadAudioError("it holds samples that are infinite once its channels are averaged")
    flaw = flaws.of_channels(samples) or flaws.of_level(mono, decoded.subtype)
    if rate != sample_rate:
        original = mono
        mono = soxr.resample(original, rate, sample_rate)
        if not len(mono):
            n_samples = counted(len(samples), "sample")
            raise BadAudioError(f"it is too short to resample: {n_samples} at {rate} Hz")
        if not np.isfinite(mono).all():
            raise BadAudioError("it holds samples that are NaN or infinite once resampled")
        flaw = flaw or flaws.of_resampling(original, mono)
    if peak > _LOUDEST:
        raise LoudAudioError(peak)
    return mono, flaw or flaws.of_peak(mono)


def _read_all(audio: soundfile.SoundFile, dtype: str) -> np.ndarray:
    """Read to the end, whatever number of frames the header promises; [frames, channels]."""
    blocks = [audio.read(_BLOCK, dtype=dtype, always_2d=True)]
    while len(blocks[-1]) == _BLOCK:
        blocks.append(audio.read(_BLOCK, dtype=dtype, always_2d=True))
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks)


def _conversion(audio: soundfile.SoundFile, sample_rate: int) -> str:
    # also what libsndfile says of a FLAC stream, which it cannot read to its end
    if audio.frames > _MOST_FRAMES:
        raise BadAudioError("its header does not say how long it is; write it again as a file")
    if not _LOWEST_RATE <= audio.samplerate <= _HIGHEST_RATE:
        raise BadAudioError(
            f"its sample rate is {audio.samplerate} Hz, "
            f"expected {_LOWEST_RATE} to {_HIGHEST_RATE:,} Hz"
        )
    n_samples = audio.frames * max(audio.channels, sample_rate / audio.samplerate)
    if n_samples > _MOST_SAMPLES:
        length_s = audio.frames / audio.samplerate
        longest_s = length_s * _MOST_SAMPLES / n_samples
        raise BadAudioError(
            f"it is {length_s:,.0f} s long, expected {longest_s:,.0f} s at most; cut it into clips"
        )
    if audio.samplerate == sample_rate and audio.channels == 1 and audio.subtype == "PCM_16":
        return ""
    return f"{audio.samplerate} Hz, {counted(audio.channels, 'channel')}, {audio.subtype}"


def reason_of(error: Exception) -> str:
    """Return why a file cannot be read, without the file's name."""
    if isinstance(error, soundfile.LibsndfileError):
        return error.error_string.strip(" :.")
    if isinstance(error, TypeError):
        return (
            "its name ends as that of a file without a header, which does not say its sample rate; "
            "expected WAV or FLAC"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip(" :.")
