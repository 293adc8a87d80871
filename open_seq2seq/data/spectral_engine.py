"""The fast engine: augmentation and log-mel or MFCC as one batched graph on the model's device.

Only |STFT|^2 reaches the network, so phase is never needed. A clip stretched by ``r`` is the clip
framed with a hop of ``r`` times the hop; a clip shifted by ``n`` semitones is the clip seen through
mel filters warped by 2^(n/12); noise is added to the waveform before. Gain and clipping are of the
waveform too; an equalizer is a gain of the power in each bin, and comes last.
`librosa_engine.LibrosaEngine` does the same with a phase vocoder, and the tests hold the two
together. With nothing drawn, these are the plain features of evaluation and of an exported model.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.acoustics import NO_ACOUSTICS, TINY, Acoustics
from open_seq2seq.data.augment import NO_AUGMENTATION, Augmentation, pitch_grid
from open_seq2seq.data.equalizer import equalizer_weights
from open_seq2seq.data.features import (
    LOG_FLOOR,
    MFCC_LOG_OFFSET,
    count_frames,
    dct_matrix,
    hann_window,
    mel_filter_bank,
)
from open_seq2seq.data.front_end import Extent, FrontEnd
from open_seq2seq.data.noise import noise_tables
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Clips, Tensor

# clips whose frames (3 MB) stay in the cache; fewer, and the launches count
_CHUNK = 16
_PRODUCTS_OF_A_BAND = 16_000  # bins times mel filters: below, one matrix product is faster than two
_MOST_BANDS = 4
_DB = math.log(10.0) / 10.0  # of power


class SpectralEngine:
    """Waveforms and draws to images, float32 [batch, audio_length, n_features].

    Attributes:
        extent: how much of clips and images is computed.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        augmentation: Augmentation = NO_AUGMENTATION,
        acoustics: Acoustics = NO_ACOUSTICS,
        *,
        seed: int = 0,
        longest: int | None = None,
        background: np.ndarray | None = None,
    ) -> None:
        """Make the engine.

        Args:
            front_end: what it computes.
            augmentation: the bounds of what is drawn.
            acoustics: the same for levels, colours of noise and the equalizer.
            seed: of the noise table.
            longest: samples of the longest clip; None if not known.
            background: recorded noise, as `noise.background_table` gives it; None for none.
        """
        p = self.front_end = front_end
        self.extent = Extent.of(front_end, augmentation.time_stretch, longest)
        block = self.extent.block
        warps = 2.0 ** (pitch_grid(augmentation.pitch_shift) / 12.0)
        banks = np.stack(
            [
                mel_filter_bank(p.sample_rate, p.n_fft, p.n_mels, p.fmin, p.fmax, warp)
                for warp in warps
            ]
        )
        n_bands = min(_MOST_BANDS, p.n_mels, max(1, banks[0].size // _PRODUCTS_OF_A_BAND))
        self._bands = [_Band.of(part) for part in np.array_split(banks, n_bands, axis=2)]
        self._dct = self._noise = self._background = self._equalizer = None
        if p.features == "mfcc":
            self._dct = tf.constant(dct_matrix(p.n_mels, p.num_audio_features))
        if augmentation.noise_level_max is not None:
            tables = noise_tables(block, seed, acoustics.colours, p.sample_rate)
            self._noise = tf.constant(tables)
        if background is not None:
            self._background = tf.constant(background[None])
        if acoustics.n_bands:
            bins_hz = np.arange(p.n_fft // 2 + 1) * (p.sample_rate / p.n_fft)
            # a bin is heard at its frequency times the warp
            weights = [
                equalizer_weights(bins_hz * w, p.sample_rate, acoustics.n_bands) for w in warps
            ]
            self._equalizer = tf.constant(np.stack(weights))
        self._has_levels = acoustics.has_levels
        self._window = tf.constant(hann_window(p.window_length, p.n_fft))
        # warped filters see fewer or more bins, and noise of a colour at other frequencies: the
        # gain makes up for it, so that noise is as loud at every pitch
        by_colour = warps ** ((1.0 - acoustics.colours[:, None]) / 2.0)
        self._noise_correction = tf.constant(by_colour, tf.float32)
        self._chunk: int | None = _CHUNK
        if tf.config.list_logical_devices("GPU"):
            self._chunk = None  # a batch at once
        # two launches, or XLA would make the samples anew for each frame that they are in
        self._samples_by_xla = tf.function(self._samples, jit_compile=True, autograph=False)
        self._features_by_xla = tf.function(
            self._spectral_features, jit_compile=True, autograph=False
        )
        self.features = tf.function(self._features, autograph=False)

    def _features(self, clips: Clips) -> Tensor:
        n_clips = clips.waveforms.shape[0]
        chunk = self._chunk or n_clips
        sizes = [min(chunk, n_clips - first) for first in range(0, n_clips, chunk)]
        chunks = zip(*(tf.split(values, sizes) for values in clips), strict=True)
        return tf.concat([self._images(Clips(*parts)) for parts in chunks], axis=0)

    def _images(self, clips: Clips) -> Tensor:
        first_samples, is_inside = self._frame_positions(clips)
        samples = self._samples_by_xla(clips)
        return self._features_by_xla(
            samples, first_samples, is_inside, clips.pitch, clips.equalizer_db
        )

    def _spectral_features(
        self,
        samples: Tensor,
        first_samples: Tensor,
        is_inside: Tensor,
        pitch: Tensor,
        equalizer_db: Tensor,
    ) -> Tensor:
        """Samples to log-mel or MFCC, with the filter bank of each clip's pitch."""
        p, extent = self.front_end, self.extent
        indices = first_samples[:, :, None] + tf.range(p.n_fft)
        frames = tf.gather(samples, indices, batch_dims=1) * self._window
        spectrum = tf.signal.rfft(frames)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        if self._equalizer is not None:
            curve_db = tf.linalg.matvec(tf.gather(self._equalizer, pitch), equalizer_db)
            power *= tf.exp(_DB * curve_db)[:, None, :]
        mel = tf.concat([band.apply(power, pitch) for band in self._bands], axis=-1)
        if self._dct is None:
            features = tf.math.log(tf.maximum(mel, LOG_FLOOR))
        else:
            features = tf.tensordot(tf.math.log(mel + MFCC_LOG_OFFSET), self._dct, 1)
        features = tf.where(is_inside[:, :, None], features, p.fill_value)
        before = extent.first_frame
        after = p.audio_length - before - extent.n_frames
        return tf.pad(features, [[0, 0], [before, after], [0, 0]], constant_values=p.fill_value)

    def _recorded(self, clips: Clips) -> Tensor:
        """Scale to [-1, 1), and add noise, gain and clipping; float32 [batch, samples]."""
        waveforms = tf.cast(clips.waveforms, tf.float32) / 32768.0
        recorded, hiss = [], []
        if self._noise is not None:
            which = tf.stack([clips.noise_colour, clips.pitch], axis=1)
            gain = clips.noise_gain * tf.gather_nd(self._noise_correction, which)
            hiss.append(self._from_table(self._noise, clips.noise_start, gain, clips.noise_colour))
        if self._background is not None:
            recorded.append(
                self._from_table(self._background, clips.background_start, clips.background_gain)
            )
        if self._has_levels:
            waveforms = self._add_within(waveforms, recorded, clips.lengths)
            waveforms, recorded = _change_levels(waveforms, clips.gain, clips.overdrive), []
        return self._add_within(waveforms, hiss + recorded, clips.lengths)

    def _add_within(self, waveforms: Tensor, noises: list[Tensor], lengths: Tensor) -> Tensor:
        """Add noise up to each clip's end."""
        if not noises:
            return waveforms
        end = lengths
        if self.front_end.frame_padding == "reflect":
            end = end + self.front_end.n_fft // 2  # what the host has mirrored there
        is_clip = tf.range(self.extent.n_samples) < end[:, None]
        return waveforms + tf.where(is_clip, tf.add_n(noises), 0.0)

    def _from_table(
        self, tables: Tensor, start: Tensor, gain: Tensor, which: Tensor | None = None
    ) -> Tensor:
        """Return ``gain`` times the samples of a table from a position in [0, 1) on.

        A table goes round. Returns [batch, n_samples].

        Args:
            tables: [tables, blocks, block].
            start: float32 [batch].
            gain: float32 [batch].
            which: index of the table, int32 [batch]; by default the first.
        """
        n_samples, block = self.extent.n_samples, self.extent.block
        n_tables, n_blocks = tables.shape[:2]
        first = tf.cast(start * n_blocks, tf.int32)
        blocks = (first[:, None] + tf.range(n_samples // block)) % n_blocks
        if which is not None and n_tables > 1:
            blocks += which[:, None] * n_blocks
        samples = tf.gather(tf.reshape(tables, [-1, block]), blocks)
        return gain[:, None] * tf.reshape(samples, [-1, n_samples])

    def _samples(self, clips: Clips) -> Tensor:
        """Return clips with noise, between what stands before and after them."""
        waveforms, half = self._recorded(clips), self.front_end.n_fft // 2
        before = half
        if self.front_end.frame_padding == "reflect":
            waveforms = tf.concat([waveforms[:, half:0:-1], waveforms], axis=1)
            before = 0
        return tf.pad(waveforms, [[0, 0], [before, half]])

    def _frame_positions(self, clips: Clips) -> tuple[Tensor, Tensor]:
        """Return the first sample of each frame of the image, and whether the clip has that frame.

        Both [batch, frames], for the frames of the image that clips can reach. A long clip is
        sliced at ``crop``, a short one lies in the middle or at the beginning. Frames are centred
        at multiples of stretch * hop_length, rounded to blocks: that moves a stretched clip's frame
        by 0.8 ms at most, and that of another not at all.
        """
        p, extent = self.front_end, self.extent
        stretched = tf.round(tf.cast(clips.lengths, tf.float32) / clips.stretch)
        n_frames = count_frames(tf.cast(stretched, tf.int32), p.hop_length)
        excess = n_frames - p.audio_length
        sliced = tf.cast(tf.floor(clips.crop * tf.cast(excess + 1, tf.float32)), tf.int32)
        padded = 0
        if p.pad_side == "both":
            padded = -(-excess // 2)
        start = tf.where(excess >= 0, sliced, padded)
        first = extent.first_frame
        indices = start[:, None] + tf.range(first, first + extent.n_frames)
        is_inside = (indices >= 0) & (indices < n_frames[:, None])

        block = extent.block
        hop = tf.cast(p.hop_length / block, tf.float32) * clips.stretch[:, None]
        first_blocks = tf.cast(tf.round(tf.cast(indices, tf.float32) * hop), tf.int32)
        # frames outside the clip are masked later
        return tf.clip_by_value(first_blocks * block, 0, extent.n_samples), is_inside


@functools.lru_cache(maxsize=8)
def shared_engine(
    front_end: FrontEnd,
    augmentation: Augmentation,
    acoustics: Acoustics = NO_ACOUSTICS,
    *,
    seed: int,
    longest: int | None,
) -> SpectralEngine:
    """Return the engine of these arguments, the same one each time: XLA compiles it once a process.

    Args:
        front_end: what it computes.
        augmentation: the bounds of what is drawn, without recorded noise.
        acoustics: the same for levels, colours of noise and the equalizer.
        seed: of the noise table.
        longest: samples of the longest clip; None if not known.
    """
    return SpectralEngine(front_end, augmentation, acoustics, seed=seed, longest=longest)


def _change_levels(waveforms: Tensor, gain: Tensor, overdrive: Tensor) -> Tensor:
    """Scale waveforms, and cut the peaks of those that are overdriven, as `levels` does."""
    peak = tf.maximum(tf.reduce_max(tf.abs(waveforms), axis=1), TINY)
    is_overdriven = overdrive > 0.0
    scale = tf.where(is_overdriven, overdrive / peak, tf.minimum(gain, 1.0 / peak))
    return tf.clip_by_value(waveforms * scale[:, None], -1.0, 1.0)


class _Band(NamedTuple):
    """Neighbouring mel filters, and the only bins that they see.

    Together they take a third of the products of the whole matrix.
    """

    first_bin: int
    filters: Tensor  # float32 [n_warps, bins, n_mels]

    @classmethod
    def of(cls, banks: np.ndarray) -> _Band:
        first = last = 0
        seen = np.flatnonzero(banks.any(axis=(0, 2)))
        if len(seen):
            first, last = int(seen[0]), int(seen[-1])
        return cls(first, tf.constant(banks[:, first : last + 1]))

    def apply(self, power: Tensor, pitch: Tensor) -> Tensor:
        bins = power[:, :, self.first_bin : self.first_bin + self.filters.shape[1]]
        if self.filters.shape[0] == 1:
            return tf.tensordot(bins, self.filters[0], 1)
        return tf.matmul(bins, tf.gather(self.filters, pitch))
