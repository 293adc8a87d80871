"""How loud a clip's word is, and the factor that brings recorded noise to a ratio to it."""

from __future__ import annotations

import numpy as np

from open_seq2seq.data.augment import Draws
from open_seq2seq.data.word_extent import word_extent

# RMS, 1 is full scale. A clip of digital silence counts as this loud, or it would get no noise
_QUIETEST_CLIP = 1e-3
# and a pause of a recording as this loud, or its rounding would be amplified
_QUIETEST_NOISE = 1e-4
_FULL_SCALE = 32768.0


class NoiseLevels:
    """RMS of the words of a dataset's clips and of stretches of recorded noise.

    The word is what `word_extent` finds, so that the ratio does not depend on how much silence is
    around it. It is measured in the clip as it is read, before a room changes it: the room keeps
    the level of the clip.
    """

    def __init__(self, n_files: int, sample_rate: int, noise: np.ndarray) -> None:
        """Measure the noise.

        Args:
            n_files: of the dataset.
            sample_rate: in Hz.
            noise: table of recorded noise, float32 [blocks, block].
        """
        self._sample_rate, self._block = sample_rate, noise.shape[1]
        self._n_blocks = len(noise)
        power = np.square(noise, dtype=np.float64).mean(axis=1)
        # twice, as the table goes round
        self._sums = np.concatenate([[0.0], np.cumsum(np.tile(power, 2))])
        self._words: np.ndarray = np.full(n_files, np.nan, np.float32)

    def of_words(
        self, files: np.ndarray, waveforms: np.ndarray, lengths: np.ndarray, is_whole: np.ndarray
    ) -> np.ndarray:
        """Return the RMS of the word of each clip, float32 [batch], 1 is full scale.

        Args:
            files: of each clip.
            waveforms: int16 [batch, samples], as they are read.
            lengths: int [batch], samples.
            is_whole: bool [batch], whether a clip is all of its file: its word is measured once.
        """
        levels: np.ndarray = np.where(is_whole, self._words[files], np.float32(np.nan))
        for row in np.flatnonzero(np.isnan(levels)):
            clip = waveforms[row, : lengths[row]]
            first, end = word_extent(clip, self._sample_rate)
            word = clip[first:end].astype(np.float32) / _FULL_SCALE
            # an empty clip has no mean
            levels[row] = np.sqrt(np.square(word).sum() / max(1, len(word)))
        self._words[files[is_whole]] = levels[is_whole]
        return levels

    def of_noise(self, start: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return the RMS of stretches of the noise, float [batch], 1 is full scale.

        Args:
            start: float32 [batch] in [0, 1), where they begin.
            lengths: int [batch], samples; of more than the noise the part beyond is left out.
        """
        first = (start * np.float32(self._n_blocks)).astype(np.int64)
        n_blocks = np.clip(-(-lengths // self._block), 1, self._n_blocks)
        power = (self._sums[first + n_blocks] - self._sums[first]) / n_blocks
        return np.sqrt(np.maximum(power, 0.0))

    def mix(self, drawn: Draws, words: np.ndarray, lengths: np.ndarray) -> Draws:
        """Return the draws of a batch with the factor of each clip's noise that its ratio needs.

        Args:
            drawn: of each clip; one without a ratio keeps its factor.
            words: RMS of each clip's word.
            lengths: samples of each clip.
        """
        noise = np.maximum(self.of_noise(drawn.background_start, lengths), _QUIETEST_NOISE)
        gain = np.maximum(words, _QUIETEST_CLIP) / noise * 10.0 ** (-drawn.background_snr_db / 20.0)
        has_ratio = (drawn.background_gain > 0.0) & ~np.isnan(gain)
        gain = np.where(has_ratio, gain, drawn.background_gain).astype(np.float32)
        return drawn._replace(background_gain=gain)
