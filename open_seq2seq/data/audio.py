"""Reading audio files as int16 mono waveforms at one sample rate."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO, IOBase
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import soundfile
import soxr

from open_seq2seq.data import flaws
from open_seq2seq.errors import UserError, counted
from open_seq2seq.system.files import check_plain

_FULL_SCALE = 32768.0
# of a file's samples: 2 dB more than full scale, which lossy decoders do reach
LOUDEST = 1.25
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

AudioSource: TypeAlias = (
    str | Path | IOBase
)  # a path, or an open file, which is read from its start


def open_audio(source: AudioSource) -> soundfile.SoundFile:
    """Open a file for libsndfile.

    Raises:
        OSError, ValueError, TypeError, soundfile.SoundFileError: it cannot be opened; see
            `reason_of`.
    """
    if isinstance(source, IOBase):
        source.seek(0)
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


def unusable(named: str, error: BadAudioError, way_out: str = "take it away") -> UserError:
    """Return the error of a file that the user has named: its flag and path, why, a way out."""
    return UserError(f"{named}: cannot be used ({error}); repair it, or {way_out}")


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


def read_wav(path: AudioSource, sample_rate: int, gain: float = 1.0) -> Waveform:
    """Read any file that libsndfile knows.

    Channels are averaged and other sample rates resampled (soxr, high quality); 16-bit mono files
    at ``sample_rate`` keep every sample as it is. What decoding or resampling lifts slightly above
    full scale is clipped.

    Args:
        path: file to read.
        sample_rate: wanted rate in Hz.
        gain: factor of the samples; 16-bit mono files at ``sample_rate`` need none.

    Raises:
        BadAudioError: no audio, no samples, or samples that are not finite.
        LoudAudioError: samples far beyond full scale.
    """
    decoded = _decode(path, sample_rate)
    return _to_int16(decoded, _resampler(decoded, sample_rate), gain)


def read_blocks(path: AudioSource, sample_rate: int, gain: float = 1.0) -> Iterator[Waveform]:
    """Yield what `read_wav` returns in blocks of about a minute: a file of any length fits.

    Resampled samples are the same but for rounding.

    Raises:
        BadAudioError: no audio, no samples, or samples that are not finite.
        LoudAudioError: samples far beyond full scale. Blocks before such samples are yielded.
    """
    with _opened(path) as audio:
        converted_from = _conversion(audio, sample_rate)
        resample = None
        if audio.samplerate != sample_rate:
            stream = soxr.ResampleStream(audio.samplerate, sample_rate, 1, dtype="float32")
            resample = stream.resample_chunk
        waveform = None
        for samples in _blocks(audio):
            decoded = _Decoded(samples, audio.samplerate, audio.subtype, converted_from)
            waveform = _to_int16(decoded, resample, gain)
            yield waveform
        if waveform is None:
            raise BadAudioError("it holds no samples")
        if resample is not None:
            yield waveform._replace(samples=as_int16(resample(_NO_SAMPLES, last=True)))


def peak_of(path: AudioSource) -> float:
    """Return the largest absolute sample of a file, with its channels averaged; 1 is full scale.

    Raises:
        BadAudioError: as `read_blocks`.
    """
    with _opened(path) as audio:
        full_scale = _FULL_SCALE if audio.subtype == "PCM_16" else 1.0
        means = (samples.mean(axis=1, dtype=np.float32) for samples in _blocks(audio))
        return max((float(np.abs(mono).max()) / full_scale for mono in means), default=0.0)


def read_float(path: AudioSource, sample_rate: int) -> Waveform:
    """Read a file as `read_wav` does, without rounding its samples to int16.

    Raises:
        BadAudioError, LoudAudioError: as `read_wav`.
    """
    decoded = _decode(path, sample_rate)
    mono, flaw = _to_mono(decoded, _resampler(decoded, sample_rate))
    return Waveform(mono, decoded.converted_from, flaw)


def check_header(path: AudioSource, sample_rate: int, *, any_length: bool = False) -> Header:
    """Read a file's header only.

    Args:
        path: file to read.
        sample_rate: wanted rate in Hz.
        any_length: whether it may be longer than `read_wav` takes.

    Raises:
        BadAudioError: the header promises no audio.
    """
    with _opened(path) as audio:
        return _header(audio, sample_rate, any_length=any_length)


def glance(path: AudioSource, sample_rate: int) -> tuple[Header, str]:
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
def _opened(path: AudioSource) -> Iterator[soundfile.SoundFile]:
    try:
        with open_audio(path) as audio:
            yield audio
    except _READ_ERRORS as error:
        raise BadAudioError(reason_of(error)) from None


def _header(audio: soundfile.SoundFile, sample_rate: int, *, any_length: bool = False) -> Header:
    if not audio.frames:
        raise BadAudioError("it holds no samples")
    converted_from = _conversion(audio, sample_rate)
    if not any_length:
        _check_length(audio, sample_rate)
    return Header(-(-audio.frames * sample_rate // audio.samplerate), converted_from)


Resample: TypeAlias = Callable[[np.ndarray], np.ndarray]  # float32 [samples], both
_NO_SAMPLES: np.ndarray = np.zeros(0, np.float32)


class _Decoded(NamedTuple):
    """The samples of a file before anything is done to them."""

    samples: np.ndarray  # [frames, channels], int16 where the file is, else float32
    rate: int  # Hz
    subtype: str  # libsndfile's name of the sample format
    converted_from: str


def _decode(path: AudioSource, sample_rate: int) -> _Decoded:
    with _opened(path) as audio:
        converted_from = _conversion(audio, sample_rate)
        _check_length(audio, sample_rate)
        blocks = list(_blocks(audio))
        if not blocks:
            raise BadAudioError("it holds no samples")
        samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return _Decoded(samples, audio.samplerate, audio.subtype, converted_from)


def _resampler(decoded: _Decoded, sample_rate: int) -> Resample | None:
    """Return what resamples a whole file, None if it has the rate."""
    if decoded.rate == sample_rate:
        return None

    def resample(mono: np.ndarray) -> np.ndarray:
        resampled = soxr.resample(mono, decoded.rate, sample_rate)
        if not len(resampled):
            raise BadAudioError(
                f"it is too short to resample: {counted(len(mono), 'sample')} at {decoded.rate} Hz"
            )
        return resampled

    return resample


def _to_int16(decoded: _Decoded, resample: Resample | None, gain: float) -> Waveform:
    if not decoded.converted_from:
        samples = decoded.samples[:, 0]
        return Waveform(samples, "", flaws.of_samples(samples))
    mono, flaw = _to_mono(decoded, resample, gain)
    return Waveform(as_int16(mono), decoded.converted_from, flaw)


def as_int16(mono: np.ndarray) -> np.ndarray:
    """Return floats, of which 1 is full scale, as int16; what is beyond it is clipped."""
    # clipped first: the largest floats would overflow
    clipped = np.clip(mono, -1.0, 1.0 - 1.0 / _FULL_SCALE)
    return np.rint(clipped * _FULL_SCALE).astype(np.int16)


def _to_mono(
    decoded: _Decoded, resample: Resample | None, gain: float = 1.0
) -> tuple[np.ndarray, str]:
    """Average the channels and resample; return float32 [samples] and the flaw of the sound."""
    samples = decoded.samples
    with np.errstate(over="ignore"):
        mono = samples.mean(axis=1, dtype=np.float32)
    if samples.dtype == np.int16:
        mono /= np.float32(_FULL_SCALE)
    mono *= np.float32(gain)
    peak = float(np.abs(mono).max())
    if not np.isfinite(peak):
        raise BadAudioError("it holds samples that are infinite once its channels are averaged")
    flaw = flaws.of_channels(samples) or flaws.of_level(mono, decoded.subtype)
    if resample is not None:
        original, mono = mono, resample(mono)
        if not np.isfinite(mono).all():
            raise BadAudioError("it holds samples that are NaN or infinite once resampled")
        flaw = flaw or flaws.of_resampling(original, mono)
    if peak > LOUDEST:
        raise LoudAudioError(peak)
    return mono, flaw or flaws.of_peak(mono)


def _blocks(audio: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Read to the end, whatever number of frames the header promises.

    Yields int16 or float32 [frames, channels].

    Raises:
        BadAudioError: samples are not finite.
    """
    dtype = "int16" if audio.subtype == "PCM_16" else "float32"
    while len(samples := audio.read(_BLOCK, dtype=dtype, always_2d=True)):
        if samples.dtype != np.int16 and not np.isfinite(samples).all():
            raise BadAudioError("it holds samples that are NaN or infinite")
        yield samples
        if len(samples) < _BLOCK:
            return


def _conversion(audio: soundfile.SoundFile, sample_rate: int) -> str:
    # also what libsndfile says of a FLAC stream, which it cannot read to its end
    if audio.frames > _MOST_FRAMES:
        raise BadAudioError("its header does not say how long it is; write it again as a file")
    if not _LOWEST_RATE <= audio.samplerate <= _HIGHEST_RATE:
        raise BadAudioError(
            f"its sample rate is {audio.samplerate} Hz, "
            f"expected {_LOWEST_RATE} to {_HIGHEST_RATE:,} Hz"
        )
    if audio.samplerate == sample_rate and audio.channels == 1 and audio.subtype == "PCM_16":
        return ""
    return f"{audio.samplerate} Hz, {counted(audio.channels, 'channel')}, {audio.subtype}"


def _check_length(audio: soundfile.SoundFile, sample_rate: int) -> None:
    n_samples = audio.frames * max(audio.channels, sample_rate / audio.samplerate)
    if n_samples > _MOST_SAMPLES:
        length_s = audio.frames / audio.samplerate
        longest_s = length_s * _MOST_SAMPLES / n_samples
        raise BadAudioError(
            f"it is {length_s:,.0f} s long, expected {longest_s:,.0f} s at most; cut it into clips"
        )


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
