"""The fast engine: augmentation and log-mel or MFCC as one batched graph that runs wherever the
model runs.

Only |STFT|^2 reaches the network, so phase is never needed. A clip stretched by ``r`` is the clip
framed with a hop of ``r`` times the hop; a clip shifted by ``n`` semitones is the clip seen through
mel filters warped by 2^(n/12); noise is added to the waveform before.
`librosa_engine.LibrosaEngine` does the same with a phase vocoder, and the tests hold the two
together. With nothing drawn, these are the plain features of evaluation and of an exported model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.data.augment import FrontEndParams, noise_table, pitch_grid
from open_seq2seq.data.features import (
    LOG_FLOOR,
    MFCC_LOG_OFFSET,
    dct_matrix,
    hann_window,
    mel_filter_bank,
)
from open_seq2seq.data.features import n_frames as count_frames
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Clips

_CHUNK = 16  # clips whose frames (8 MB) stay in a core's cache: four times as fast as a batch of 128 at once
_N_BANDS = 4


class SpectralEngine:
    """Waveforms and draws to images, float32 [batch, audio_length, n_features]."""

    def __init__(self, params: FrontEndParams, background: np.ndarray | None = None) -> None:
        """Make the engine.

        Args:
            params: what it computes.
            background: recorded noise, as `augment.background_table` gives it; None for none.
        """
        p = self.params = params
        warps = 2.0 ** (pitch_grid(p.augmentation.pitch_semitones) / 12.0)
        banks = np.stack(
            [
                mel_filter_bank(p.sample_rate, p.n_fft, p.n_mels, p.fmin, p.fmax, warp)
                for warp in warps
            ]
        )
        self._bands = [
            _Band.of(part) for part in np.array_split(banks, min(_N_BANDS, p.n_mels), axis=2)
        ]
        self._dct = tf.constant(dct_matrix(p.n_mels, p.n_mfcc)) if p.n_mfcc else None
        self._window = tf.constant(hann_window(p.win_length, p.n_fft))
        self._noise = tf.constant(noise_table(p.block, p.seed)) if p.augmentation.noise_db else None
        self._background = None if background is None else tf.constant(background)
        self._noise_correction = tf.constant(np.sqrt(warps), tf.float32)
        self._before = (
            -(-(p.n_fft // 2) // p.block) * p.block
        )  # whole blocks of silence before a clip
        self._chunk = None if tf.config.list_logical_devices("GPU") else _CHUNK
        # XLA fuses what works element by element; gathering frames inside it would be slower than
        # outside
        self._waveforms_by_xla = tf.function(self._with_noise, jit_compile=True, autograph=False)
        self._transform_by_xla = tf.function(
            self._spectral_features, jit_compile=True, autograph=False
        )
        self.features = tf.function(self._features, autograph=False)

    def _features(self, clips: Clips) -> Any:
        n_clips = clips.waveforms.shape[0]
        chunk = self._chunk or n_clips
        sizes = [chunk] * (n_clips // chunk) + [n_clips % chunk] * (n_clips % chunk > 0)
        chunks = zip(*(tf.split(values, sizes) for values in clips), strict=True)
        return tf.concat([self._images(Clips(*parts)) for parts in chunks], axis=0)

    def _images(self, clips: Clips) -> Any:
        places, is_inside = self._frame_indices(clips)
        frames = self._frames(self._waveforms_by_xla(clips), places, clips.stretch)
        return self._transform_by_xla(frames, clips.pitch, is_inside)

    def _spectral_features(self, frames: Any, pitch: Any, is_inside: Any) -> Any:
        """Gathered frames to log-mel or MFCC, with the filter bank of each clip's pitch."""
        offset = (
            self._before - self.params.n_fft // 2
        )  # the gathered blocks begin this many samples before the frame
        spectrum = tf.signal.rfft(frames[:, :, offset : offset + self.params.n_fft] * self._window)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        mel = tf.concat([band.apply(power, pitch) for band in self._bands], axis=-1)
        if self._dct is None:
            features = tf.math.log(tf.maximum(mel, LOG_FLOOR))
        else:
            features = tf.tensordot(tf.math.log(mel + MFCC_LOG_OFFSET), self._dct, 1)
        features = tf.where(is_inside[:, :, None], features, self.params.pad_value)
        first, n_places = self.params.places
        after = self.params.audio_length - first - n_places
        return tf.pad(
            features, [[0, 0], [first, after], [0, 0]], constant_values=self.params.pad_value
        )

    def _with_noise(self, clips: Clips) -> Any:
        """Scale to [-1, 1) and add noise up to each clip's end; float32 [batch, samples]."""
        waveforms = tf.cast(clips.waveforms, tf.float32) / 32768.0
        noises = []
        if self._noise is not None:
            # warped filters see fewer or more bins: the gain makes up for it, so that noise is as
            # loud at every pitch
            gain = clips.noise_gain * tf.gather(self._noise_correction, clips.pitch)
            noises.append(self._from_table(self._noise, clips.noise_start, gain))
        if self._background is not None:
            noises.append(
                self._from_table(self._background, clips.background_start, clips.background_gain)
            )
        if not noises:
            return waveforms
        after = (
            self.params.n_fft // 2 if self.params.reflect else 0
        )  # what the host has mirrored there
        is_clip = tf.range(self.params.n_samples) < clips.lengths[:, None] + after
        return waveforms + tf.where(is_clip, tf.add_n(noises), 0.0)

    def _from_table(self, table: Any, start: Any, gain: Any) -> Any:
        """Samples from place ``start`` of a table on, which goes round, times ``gain``; [batch,
        n_samples].
        """
        n_samples, block = self.params.n_samples, self.params.block
        first = tf.cast(start * table.shape[0], tf.int32)
        blocks = (first[:, None] + tf.range(n_samples // block)) % table.shape[0]
        return gain[:, None] * tf.reshape(tf.gather(table, blocks), [-1, n_samples])

    def _frame_indices(self, clips: Clips) -> tuple[Any, Any]:
        """Which frame of the stretched clip stands at each place of the image, and whether the clip
        has it.

        Both [batch, places], for the places that clips can reach. A long clip is sliced at
        ``crop``, a short one lies in the middle or at the beginning.
        """
        p = self.params
        stretched = tf.round(tf.cast(clips.lengths, tf.float32) / clips.stretch)
        n_frames = count_frames(tf.cast(stretched, tf.int32), p.hop_length)
        excess = n_frames - p.audio_length
        sliced = tf.cast(tf.floor(clips.crop * tf.cast(excess + 1, tf.float32)), tf.int32)
        start = tf.where(excess >= 0, sliced, 0 if p.pad_at_end else -(-excess // 2))
        first, n_places = p.places
        frames = start[:, None] + tf.range(first, first + n_places)
        return frames, (frames >= 0) & (frames < n_frames[:, None])

    def _frames(self, waveforms: Any, places: Any, stretch: Any) -> Any:
        """Frames centred at multiples of stretch * hop_length, in whole blocks; [batch, places, >=
        n_fft].

        They are gathered in blocks of `FrontEndParams.block` samples, which rounds a centre by 0.8
        ms at most for a stretched clip and not at all otherwise.
        """
        p = self.params
        before = self._before
        blocks_per_frame = -(-(before - p.n_fft // 2 + p.n_fft) // p.block)
        n_blocks = (before + p.n_samples) // p.block
        if p.reflect:
            waveforms = tf.concat([waveforms[:, before:0:-1], waveforms], axis=1)
        padded = tf.pad(
            waveforms, [[0, 0], [0 if p.reflect else before, blocks_per_frame * p.block]]
        )
        blocks = tf.reshape(padded, [-1, n_blocks + blocks_per_frame, p.block])

        hop = tf.cast(p.hop_length / p.block, tf.float32) * stretch[:, None]
        first = tf.cast(tf.round(tf.cast(places, tf.float32) * hop), tf.int32)
        first = tf.clip_by_value(first, 0, n_blocks)  # places outside the clip are masked later
        gathered = tf.gather(blocks, first[:, :, None] + tf.range(blocks_per_frame), batch_dims=1)
        return tf.reshape(gathered, [-1, places.shape[1], blocks_per_frame * p.block])


class _Band(NamedTuple):
    """Neighbouring mel filters, and the only bins that they see: a third of the products of the
    whole matrix.
    """

    first_bin: int
    filters: Any  # float32 [n_warps, bins, n_mels]

    @classmethod
    def of(cls, banks: np.ndarray) -> _Band:
        seen = np.flatnonzero(banks.any(axis=(0, 2)))
        first, last = (seen[0], seen[-1]) if len(seen) else (0, 0)
        return cls(int(first), tf.constant(banks[:, first : last + 1]))

    def apply(self, power: Any, pitch: Any) -> Any:
        bins = power[:, :, self.first_bin : self.first_bin + self.filters.shape[1]]
        if self.filters.shape[0] == 1:
            return tf.tensordot(bins, self.filters[0], 1)
        return tf.matmul(bins, tf.gather(self.filters, pitch))
