"""Impulse responses of rooms, and clips and recorded noise as they are heard in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr

from open_seq2seq.data.audio import BadAudioError, check_header, open_audio, reason_of
from open_seq2seq.data.audio_files import recordings_in
from open_seq2seq.errors import UserError

_KEY = "data_layer_params/room_responses"
_LONGEST_S = 0.5  # after the direct sound; what comes later is 20 to 60 dB below it
_BEFORE_S = 0.0025  # kept before the direct sound: a filter's ringing in front of its peak
_FADE_S = 0.02
_CHUNK = 16  # clips whose spectra stay in the cache
_KEPT_BYTES = 1 << 28  # of spectra; those of more responses are made anew each time
_NOISE_S = 5.0  # of recorded noise that is in one room
_STREAM = 0x726F6F6D73


def find_responses(room_responses: str) -> tuple[str, ...]:
    """Return the paths of the impulse responses in a folder.

    Raises:
        UserError: there is none.
    """
    return recordings_in(
        room_responses,
        f"{_KEY}: no impulse responses",
        "name a folder of them, such as the one that open-seq2seq-rooms --output_dir=DIR makes, or "
        "say None",
    )


def read_response(path: str, sample_rate: int) -> np.ndarray:
    """Return an impulse response from 2.5 ms before its direct sound on, float32 [samples].

    The direct sound is the first sample of half its peak or more, or a larger one within a
    millisecond after: a reflection may be louder than it. Of several channels the first is used:
    an average would be a comb. Other sample rates are resampled. It ends half a second after the
    direct sound, and fades out before. Its energy is 1: noise is as loud after it as before.

    Raises:
        UserError: it cannot be used.
    """
    try:
        response = _read(path, sample_rate)
    except BadAudioError as error:
        raise UserError(f"{_KEY}: {path}: {error}; fix or delete it") from None
    before = round(_BEFORE_S * sample_rate)
    direct = _direct_sound(response, sample_rate)
    response = np.pad(response, (before, 0))[direct:]  # the direct sound is at `before`
    response = response[: before + round(_LONGEST_S * sample_rate)].astype(np.float64)
    n_fade = min(round(_FADE_S * sample_rate), len(response) - before - 1)
    response[len(response) - n_fade :] *= np.linspace(1.0, 0.0, n_fade + 1)[1:]
    response[:before] *= np.linspace(0.0, 1.0, before, endpoint=False)
    return (response / np.sqrt(np.square(response).sum())).astype(np.float32)


def _read(path: str, sample_rate: int) -> np.ndarray:
    check_header(path, sample_rate)
    try:
        with open_audio(path) as audio:
            samples = audio.read(dtype="float32", always_2d=True)[:, 0]
            rate = audio.samplerate
    except Exception as error:
        raise BadAudioError(reason_of(error)) from None
    if not np.isfinite(samples).all():
        raise BadAudioError("it holds samples that are NaN or infinite")
    peak = np.abs(samples).max(initial=0.0)
    if peak == 0.0:
        raise BadAudioError("it is silent, expected the response to an impulse")
    samples = samples / peak
    if rate != sample_rate:
        samples = soxr.resample(samples, rate, sample_rate)
    return samples


def _direct_sound(response: np.ndarray, sample_rate: int) -> int:
    size = np.abs(response)
    first = int((size >= size.max() / 2).argmax())
    return first + int(size[first : first + 1 + sample_rate // 1000].argmax())


class Rooms:
    """The responses of a folder, ready for clips of one width."""

    def __init__(self, paths: Sequence[str], sample_rate: int, width: int) -> None:
        """Read the responses.

        Args:
            paths: of the responses.
            sample_rate: in Hz.
            width: samples of the clips.

        Raises:
            UserError: a response cannot be used.
        """
        import scipy.fft

        self._sample_rate, self._width = sample_rate, width
        self._before = round(_BEFORE_S * sample_rate)
        responses = [read_response(path, sample_rate) for path in paths]
        longest = max(map(len, responses))
        self._responses = np.stack([np.pad(r, (0, longest - len(r))) for r in responses])
        self._n_fft = scipy.fft.next_fast_len(width + longest - 1, real=True)
        self._spectra: np.ndarray | None = None
        if len(paths) * self._n_fft * 4 <= _KEPT_BYTES:
            self._spectra = scipy.fft.rfft(self._responses, self._n_fft)

    def reverberate(
        self, waveforms: np.ndarray, lengths: np.ndarray, rooms: np.ndarray
    ) -> np.ndarray:
        """Return clips as they are heard in rooms, float32 [batch, width] in steps of int16.

        The direct sound stays where it was, and a clip's RMS stays what it was. What hangs over
        a clip's end is cut.

        Args:
            waveforms: int16 [batch, width], zeros after a clip's end.
            lengths: int [batch], samples of each clip.
            rooms: float32 [batch] in [0, 1), position among the responses; below 0: no room.
        """
        heard = waveforms.astype(np.float32)
        in_room = np.flatnonzero(rooms >= 0)
        chosen = (rooms * np.float32(len(self._responses))).astype(np.int64)
        for first in range(0, len(in_room), _CHUNK):
            rows = in_room[first : first + _CHUNK]
            wet = self._convolve(heard[rows], chosen[rows])
            # row by row: whole arrays of masks and products took as long as the FFTs
            for row, sound in zip(rows, wet, strict=True):
                clip, sound = heard[row, : lengths[row]], sound[: lengths[row]]
                had, has = np.dot(clip, clip), np.dot(sound, sound)
                if has:
                    np.multiply(sound, np.sqrt(had / has), out=clip)
        return heard

    def _convolve(self, dry: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Return clips [batch, width] through responses; the direct sound stays in its place."""
        import scipy.fft

        spectrum = scipy.fft.rfft(dry, self._n_fft)
        for values, number in zip(spectrum, chosen, strict=True):
            if self._spectra is None:
                values *= scipy.fft.rfft(self._responses[number], self._n_fft)
            else:
                values *= self._spectra[number]
        wet = scipy.fft.irfft(spectrum, self._n_fft, overwrite_x=True)
        return wet[:, self._before : self._before + self._width]

    def reverberate_noise(self, table: np.ndarray, probability: float, seed: int) -> np.ndarray:
        """Return recorded noise, [blocks, block], whose stretches of five seconds are in rooms.

        Which are, and in which room, follows from the seed. What sounds on is heard in the next
        stretch.
        """
        from scipy.signal import oaconvolve

        noise = table.reshape(-1)
        heard = np.zeros(len(noise) + self._responses.shape[1], np.float32)
        n_samples = round(_NOISE_S * self._sample_rate)
        random = np.random.default_rng([seed, _STREAM])
        for first in range(0, len(noise), n_samples):
            has_room, room = random.random(2)
            stretch = noise[first : first + n_samples]
            if has_room < probability:
                response = self._responses[int(room * len(self._responses))]
                stretch = oaconvolve(stretch, response)[self._before :]
            heard[first : first + len(stretch)] += stretch
        return heard[: len(noise)].reshape(table.shape)
