"""The reference engine: augmentation by librosa, one clip at a time on the host."""

from __future__ import annotations

import warnings

import numpy as np

from open_seq2seq.data.augment import NO_AUGMENTATION, Augmentation, Draws, noise_table, pitch_grid
from open_seq2seq.data.features import LOG_FLOOR, MFCC_LOG_OFFSET, slice_or_pad
from open_seq2seq.data.front_end import FrontEnd, block_length


class LibrosaEngine:
    """Phase-vocoder time stretch and pitch shift, noise, then log-mel or MFCC, all by librosa."""

    def __init__(
        self,
        front_end: FrontEnd,
        augmentation: Augmentation = NO_AUGMENTATION,
        *,
        seed: int = 0,
        background: np.ndarray | None = None,
    ) -> None:
        """Make the engine.

        Args:
            front_end: what it computes.
            augmentation: the bounds of what is drawn.
            seed: of the noise table.
            background: recorded noise, as `augment.background_table` gives it; None for none.
        """
        self.front_end = front_end
        # `notices` says it in the words of the config, and says what to do
        warnings.filterwarnings("ignore", "Empty filters detected", UserWarning)
        self._background = background
        self._semitones = pitch_grid(augmentation.pitch_shift)
        self._noise = noise_table(
            block_length(front_end.hop_length, augmentation.time_stretch), seed
        )

    def features(self, samples: np.ndarray, draws: Draws) -> np.ndarray:
        """Augment one clip and return its image.

        Args:
            samples: int16 [samples].
            draws: scalars, what was drawn for this clip.

        Returns:
            float32 [audio_length, n_features].
        """
        from librosa import feature  # a second to import; only needed here

        waveform = self._augment(samples.astype(np.float32) / 32768.0, draws)
        p = self.front_end
        mel = feature.melspectrogram(
            y=waveform,
            sr=p.sample_rate,
            n_fft=p.n_fft,
            win_length=p.window_length,
            hop_length=p.hop_length,
            n_mels=p.n_mels,
            fmin=p.fmin,
            fmax=p.fmax,
            htk=True,
            norm=None,
            pad_mode={"zeros": "constant", "reflect": "reflect"}[p.frame_padding],
        )
        if p.features == "log_mel":
            features = np.log(np.maximum(mel, LOG_FLOOR))
        else:
            features = feature.mfcc(
                S=np.log(mel + MFCC_LOG_OFFSET),
                n_mfcc=p.num_audio_features,
                dct_type=2,
                norm="ortho",
            )
        image = slice_or_pad(
            features.T, p.audio_length, float(draws.crop), p.fill_value, p.pad_side
        )
        return image.astype(np.float32)

    def _augment(self, waveform: np.ndarray, draws: Draws) -> np.ndarray:
        from librosa import effects  # type: ignore[attr-defined]

        if draws.stretch != 1.0:
            waveform = effects.time_stretch(waveform, rate=float(draws.stretch))
        semitones = self._semitones[draws.pitch]
        if semitones != 0.0:
            waveform = effects.pitch_shift(
                waveform, sr=self.front_end.sample_rate, n_steps=float(semitones)
            )
        if draws.noise_gain > 0.0:
            noise = _from_table(self._noise, float(draws.noise_start), len(waveform))
            waveform = waveform + draws.noise_gain * noise
        if self._background is not None:
            noise = _from_table(self._background, float(draws.background_start), len(waveform))
            waveform = waveform + draws.background_gain * noise
        return waveform


def _from_table(table: np.ndarray, start: float, n_samples: int) -> np.ndarray:
    """Return samples of a table [blocks, block] from a position in [0, 1) on; it goes round."""
    first = int(start * np.float32(len(table)))
    blocks = first + np.arange(n_samples // table.shape[1] + 1)
    return table[blocks % len(table)].reshape(-1)[:n_samples]
