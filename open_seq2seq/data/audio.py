"""Reading audio files as int16 mono waveforms at one sample rate."""

from __future__ import annotations

from io import BytesIO
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from open_seq2seq.errors import counted
from open_seq2seq.system.files import check_plain

_FULL_SCALE = 32768.0
# Hz; beyond them a header is wrong, and resampling would take gigabytes, of samples or of filter
_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000
_MOST_FRAMES = 1 << 40
# of all channels, before or after resampling, 1 GB; a FLAC of silence can hold far more
_MOST_SAMPLES = 1 << 28
_BLOCK = 1 << 20  # frames
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


class BadAudioError(Exception):
    """A file that gives no waveform; the message says why."""


class Waveform(NamedTuple):
    """One clip as the rest of the toolkit sees it."""

    samples: np.ndarray  # int16 [samples]
    converted_from: str  # "8000 Hz, 2 channels, PCM_16", or "" where the file was as it should be


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


def read_wav(path: str | BytesIO, sample_rate: int) -> Waveform:
    """Read any file that libsndfile knows.

    Channels are averaged and other sample rates resampled (soxr, high quality); 16-bit mono files
    at ``sample_rate`` keep every sample as it is.

    Args:
        path: file to read, or the contents of one.
        sample_rate: wanted rate in Hz.

    Raises:
        BadAudioError: no audio, no samples, or samples that are not finite.
    """
    try:
        if isinstance(path, str):
            check_plain(path)
        with soundfile.SoundFile(path) as audio:
            converted_from = _conversion(audio, sample_rate)
            is_int16 = audio.subtype == "PCM_16"
            rate = audio.samplerate
            samples = _read_all(audio, "int16" if is_int16 else "float32")
    except _READ_ERRORS as error:
        raise BadAudioError(_reason(error)) from None
    if not len(samples):
        raise BadAudioError("it holds no samples")
    if not converted_from:
        return Waveform(samples[:, 0], "")
    if not np.isfinite(samples).all():
        raise BadAudioError("it holds samples that are NaN or infinite")
    mono = samples.mean(axis=1, dtype=np.float32)
    if is_int16:
        mono /= np.float32(_FULL_SCALE)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate)
        if not len(mono):
            raise BadAudioError(f"it is too short to resample: {len(samples)} samples at {rate} Hz")
        if not np.isfinite(mono).all():
            raise BadAudioError("it holds samples that are NaN or infinite once resampled")
    # clipped first: the largest floats would overflow
    waveform = np.rint(np.clip(mono, -1.0, 1.0 - 1.0 / _FULL_SCALE) * _FULL_SCALE).astype(np.int16)
    return Waveform(waveform, converted_from)


def check_header(path: str | BytesIO, sample_rate: int) -> Header:
    """Read a file's header only.

    Raises:
        BadAudioError: the header promises no audio.
    """
    try:
        if isinstance(path, str):
            check_plain(path)
        with soundfile.SoundFile(path) as audio:
            if not audio.frames:
                raise BadAudioError("it holds no samples")
            n_samples = -(-audio.frames * sample_rate // audio.samplerate)
            return Header(n_samples, _conversion(audio, sample_rate))
    except _READ_ERRORS as error:
        raise BadAudioError(_reason(error)) from None


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


def _reason(error: Exception) -> str:
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
