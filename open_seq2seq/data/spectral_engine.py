"""The fast engine: augmentation and log-mel as one batched graph that runs wherever the model runs.

Only |STFT|^2 reaches the network, so phase is never needed. A clip stretched by ``r`` is the clip framed with a hop
of ``r`` times the hop; a clip shifted by ``n`` semitones is the clip seen through mel filters warped by 2^(n/12);
noise is added to the waveform before. `librosa_engine.LibrosaEngine` does the same with a phase vocoder, and the tests
hold the two together. With nothing drawn, this is the plain log-mel of evaluation and of an exported model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from open_seq2seq.data.augment import NOISE_BLOCKS, FrontEndParams, noise_table, pitch_grid
from open_seq2seq.data.features import LOG_FLOOR, hann_window, mel_filter_bank
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Clips


class SpectralEngine:
    """Waveforms and draws to log-mel images, float32 [batch, audio_length, n_mels]."""

    def __init__(self, params: FrontEndParams) -> None:
        p = self.params = params
        warps = 2.0 ** (pitch_grid(p.augmentation.pitch_semitones) / 12.0)
        banks = [mel_filter_bank(p.sample_rate, p.n_fft, p.n_mels, p.fmin, p.fmax, warp) for warp in warps]
        self._filter_banks = tf.constant(np.stack(banks))  # [n_warps, bins, n_mels]
        self._window = tf.constant(hann_window(p.win_length, p.n_fft))
        self._noise = tf.constant(noise_table(p.block, p.seed)) if p.augmentation.noise_db else None
        # On two CPU cores XLA makes this graph five times as fast; the training step is another matter.
        self.features = tf.function(self._features, jit_compile=True, autograph=False)

    def _features(self, clips: Clips) -> Any:
        waveforms = self._with_noise(clips)
        power = self._power(waveforms, clips)  # [batch, frames, bins]
        if len(self._filter_banks) == 1:
            mel = tf.tensordot(power, self._filter_banks[0], 1)
        else:
            mel = tf.matmul(power, tf.gather(self._filter_banks, clips.pitch))  # a filter bank for each clip
        log_mel = tf.math.log(tf.maximum(mel, LOG_FLOOR))
        _, is_inside = self._frame_indices(clips)
        return tf.where(is_inside[:, :, None], log_mel, self.params.pad_value)

    def _with_noise(self, clips: Clips) -> Any:
        """Scale to [-1, 1) and add noise up to each clip's end; float32 [batch, samples]."""
        waveforms = tf.cast(clips.waveforms, tf.float32) / 32768.0
        if self._noise is None:
            return waveforms
        n_samples, block = self.params.n_samples, self.params.block
        blocks = (clips.noise_start[:, None] + tf.range(n_samples // block)) % NOISE_BLOCKS
        noise = tf.reshape(tf.gather(self._noise, blocks), [-1, n_samples])
        is_clip = tf.range(n_samples) < clips.lengths[:, None]
        return waveforms + tf.where(is_clip, clips.noise_gain[:, None] * noise, 0.0)

    def _frame_indices(self, clips: Clips) -> tuple[Any, Any]:
        """Which frame of the stretched clip stands at each place of the image, and whether the clip has it.

        Both [batch, audio_length]. A long clip is sliced at ``crop``, a short one lies in the middle.
        """
        p = self.params
        stretched = tf.round(tf.cast(clips.lengths, tf.float32) / clips.stretch)
        n_frames = 1 + tf.cast(stretched, tf.int32) // p.hop_length
        excess = n_frames - p.audio_length
        sliced = tf.cast(tf.floor(clips.crop * tf.cast(excess + 1, tf.float32)), tf.int32)
        start = tf.where(excess >= 0, sliced, -(-excess // 2))
        frames = start[:, None] + tf.range(p.audio_length)
        return frames, (frames >= 0) & (frames < n_frames[:, None])

    def _power(self, waveforms: Any, clips: Clips) -> Any:
        """|STFT|^2 of frames centred at multiples of stretch * hop_length; [batch, audio_length, bins].

        Frames are gathered in blocks of `FrontEndParams.block` samples, which rounds a centre by 0.8 ms at most
        for a stretched clip and not at all otherwise.
        """
        p = self.params
        before = -(-(p.n_fft // 2) // p.block) * p.block  # whole blocks of silence before the clip
        blocks_per_frame = -(-(p.n_fft // 2 + before) // p.block)
        padded = tf.pad(waveforms, [[0, 0], [before, blocks_per_frame * p.block]])
        blocks = tf.reshape(padded, [-1, (before + p.n_samples) // p.block + blocks_per_frame, p.block])

        frames, _ = self._frame_indices(clips)
        hop = tf.cast(p.hop_length / p.block, tf.float32) * clips.stretch[:, None]
        first = tf.cast(tf.round(tf.cast(frames, tf.float32) * hop), tf.int32)
        first = tf.clip_by_value(first, 0, (before + p.n_samples) // p.block)  # places outside the clip are masked
        gathered = tf.gather(blocks, first[:, :, None] + tf.range(blocks_per_frame), batch_dims=1)
        flat = tf.reshape(gathered, [-1, p.audio_length, blocks_per_frame * p.block])
        offset = before - p.n_fft // 2  # the gathered blocks begin this many samples before the frame
        spectrum = tf.signal.rfft(flat[:, :, offset : offset + p.n_fft] * self._window)
        return tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
