"""The reference engine: augmentation as the original describes it, one clip at a time on the host."""

from __future__ import annotations

import numpy as np

from open_seq2seq.data.augment import Draws, FrontEndParams, noise_table, pitch_grid
from open_seq2seq.data.features import LOG_FLOOR, MFCC_LOG_OFFSET, slice_or_pad


class LibrosaEngine:
    """Phase-vocoder time stretch and pitch shift, noise, then log-mel or MFCC, all by librosa."""

    def __init__(self, params: FrontEndParams, background: np.ndarray | None = None) -> None:
        """Make the engine; ``background`` is recorded noise, as `augment.background_table` gives
        it.
        """
        self.params = params
        self._background = background
        self._semitones = pitch_grid(params.augmentation.pitch_semitones)
        self._noise = noise_table(params.block, params.seed)

    def features(self, samples: np.ndarray, draws: Draws) -> np.ndarray:
        """Augment one clip and return its image.

        Args:
            samples: int16 [samples].
            draws: scalars, what was drawn for this clip.

        Returns:
            float32 [audio_length, n_features].
        """
        from librosa import effects, feature  # type: ignore[attr-defined]  # a second to import; only needed here

        p = self.params
        waveform = samples.astype(np.float32) / 32768.0
        if draws.stretch != 1.0:
            waveform = effects.time_stretch(waveform, rate=float(draws.stretch))
        semitones = self._semitones[draws.pitch]
        if semitones != 0.0:
            waveform = effects.pitch_shift(waveform, sr=p.sample_rate, n_steps=float(semitones))
        if draws.noise_gain > 0.0:
            waveform = waveform + draws.noise_gain * self._from_table(
                self._noise, float(draws.noise_start), len(waveform)
            )
        if self._background is not None:
            noise = self._from_table(self._background, float(draws.background_start), len(waveform))
            waveform = waveform + draws.background_gain * noise
        mel = feature.melspectrogram(
            y=waveform,
            sr=p.sample_rate,
            n_fft=p.n_fft,
            win_length=p.win_length,
            hop_length=p.hop_length,
            n_mels=p.n_mels,
            fmin=p.fmin,
            fmax=p.fmax,
            htk=True,
            norm=None,
            pad_mode="reflect" if p.reflect else "constant",
        )
        if p.n_mfcc is None:
            features = np.log(np.maximum(mel, LOG_FLOOR))
        else:
            features = feature.mfcc(
                S=np.log(mel + MFCC_LOG_OFFSET), n_mfcc=p.n_mfcc, dct_type=2, norm="ortho"
            )
        image = slice_or_pad(
            features.T, p.audio_length, float(draws.crop), p.pad_value, p.pad_at_end
        )
        return image.astype(np.float32)

    def _from_table(self, table: np.ndarray, start: float, n_samples: int) -> np.ndarray:
        blocks = int(start * np.float32(len(table))) + np.arange(n_samples // self.params.block + 1)
        return table[blocks % len(table)].reshape(-1)[:n_samples]
