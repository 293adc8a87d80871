"""The reference engine: augmentation by librosa, one clip at a time on the host."""

from __future__ import annotations

import warnings

import numpy as np

from open_seq2seq.data.acoustics import NO_ACOUSTICS, TINY, Acoustics
from open_seq2seq.data.augment import NO_AUGMENTATION, Augmentation, Draws, pitch_grid
from open_seq2seq.data.equalizer import equalize
from open_seq2seq.data.features import LOG_FLOOR, MFCC_LOG_OFFSET, slice_or_pad
from open_seq2seq.data.front_end import FrontEnd, block_length
from open_seq2seq.data.noise import from_table, noise_tables


class LibrosaEngine:
    """Phase-vocoder time stretch and pitch shift, noise, then log-mel or MFCC, all by librosa."""

    def __init__(
        self,
        front_end: FrontEnd,
        augmentation: Augmentation = NO_AUGMENTATION,
        acoustics: Acoustics = NO_ACOUSTICS,
        *,
        seed: int = 0,
        background: np.ndarray | None = None,
    ) -> None:
        """Make the engine.

        Args:
            front_end: what it computes.
            augmentation: the bounds of what is drawn.
            acoustics: the same for levels, colours of noise and the equalizer.
            seed: of the noise table.
            background: recorded noise, as `noise.background_table` gives it; None for none.
        """
        self.front_end = front_end
        # `notices` says it in the words of the config, and says what to do
        warnings.filterwarnings("ignore", "Empty filters detected", UserWarning)
        # of a clip that is shorter than a window, which is padded
        warnings.filterwarnings("ignore", "n_fft=.* is too large for input", UserWarning)
        self._background = background
        self._semitones = pitch_grid(augmentation.pitch_shift)
        block = block_length(front_end.hop_length, augmentation.time_stretch)
        self._noise = noise_tables(block, seed, acoustics.colours, front_end.sample_rate)
        self._acoustics = acoustics

    def features(self, samples: np.ndarray, draws: Draws) -> np.ndarray:
        """Augment one clip and return its image.

        Args:
            samples: int16 [samples].
            draws: scalars, what was drawn for this clip.

        Returns:
            float32 [audio_length, n_features].
        """
        from librosa import feature  # a second to import; only needed here

        waveform = self.waveform(samples, draws)
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

    def waveform(self, samples: np.ndarray, draws: Draws) -> np.ndarray:
        """Return one augmented clip, float32 [samples], 1 is full scale.

        Args:
            samples: int16 [samples].
            draws: scalars, what was drawn for this clip.
        """
        waveform = samples.astype(np.float32) / 32768.0
        semitones = self._semitones[draws.pitch]
        if draws.stretch != 1.0 or semitones != 0.0:
            from librosa import effects  # type: ignore[attr-defined] # seconds to import

            if draws.stretch != 1.0:
                waveform = effects.time_stretch(waveform, rate=float(draws.stretch))
            if semitones != 0.0:
                waveform = effects.pitch_shift(
                    waveform, sr=self.front_end.sample_rate, n_steps=float(semitones)
                )
        return self._record(waveform, draws)

    def _record(self, waveform: np.ndarray, draws: Draws) -> np.ndarray:
        """Add recorded noise, gain, clipping, hiss and the equalizer, in this order."""
        acoustics = self._acoustics
        if self._background is not None:
            noise = from_table(self._background, float(draws.background_start), len(waveform))
            waveform = waveform + draws.background_gain * noise
        if acoustics.has_levels:
            waveform = _change_level(waveform, float(draws.gain), float(draws.overdrive))
        if draws.noise_gain > 0.0:
            table = self._noise[draws.noise_colour]
            noise = from_table(table, float(draws.noise_start), len(waveform))
            waveform = waveform + draws.noise_gain * noise
        if acoustics.n_bands:
            waveform = equalize(waveform, draws.equalizer_db, self.front_end.sample_rate)
        return waveform


def _change_level(waveform: np.ndarray, gain: float, overdrive: float) -> np.ndarray:
    """Scale a waveform to where its peak is to lie, and cut what is above full scale."""
    peak = max(float(np.abs(waveform).max(initial=0.0)), TINY)
    scale = min(gain, 1.0 / peak)
    if overdrive:
        scale = overdrive / peak
    return np.clip(waveform * scale, -1.0, 1.0)
