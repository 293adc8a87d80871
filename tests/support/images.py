"""Images of clips by both engines, and by librosa."""

from __future__ import annotations

import librosa
import numpy as np
import tensorflow as tf

from open_seq2seq.data.augment import NO_AUGMENTATION, Draws, no_draws
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.structs import Clips

# Tolerance: an FFT in float32 errs by some 1e-6 of the frame's amplitude, and here no band lies
# more than 60 dB (1e-3) below the whole frame: 1e-3 of the amplitude at worst, in practice a tenth.
CLOSE = 1e-3


def images(
    engine: SpectralEngine | LibrosaEngine, clips: list[np.ndarray], draws: Draws | None = None
) -> np.ndarray:
    """[clips, frames, mels] of int16 clips; by default of an engine without augmentation."""
    if draws is None:
        draws = no_draws(NO_AUGMENTATION, len(clips))
    if isinstance(engine, LibrosaEngine):
        return np.stack(
            [
                engine.features(clip, Draws(*drawn))
                for clip, *drawn in zip(clips, *draws, strict=True)
            ]
        )
    n_samples = engine.extent.n_samples
    waveforms = np.stack(
        [np.pad(clip[:n_samples], (0, max(0, n_samples - len(clip)))) for clip in clips]
    )
    lengths = np.array([min(len(clip), n_samples) for clip in clips], np.int32)
    return engine.features(
        Clips(*map(tf.convert_to_tensor, Clips.of(waveforms, lengths, draws)))
    ).numpy()


def int16(samples: np.ndarray) -> np.ndarray:
    return np.rint(samples * 32767).astype(np.int16)


def reference(samples: np.ndarray, p: FrontEnd, crop: float = 0.5) -> np.ndarray:
    """The log-mel image by librosa in float64."""
    mel = librosa.feature.melspectrogram(
        y=samples / 32768.0,
        sr=p.sample_rate,
        n_fft=p.n_fft,
        win_length=p.window_length,
        hop_length=p.hop_length,
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=p.n_mels,
        fmin=p.fmin,
        fmax=p.fmax,
        htk=True,
        norm=None,
    )
    log_mel = np.log(np.maximum(mel, 1e-5)).T
    missing = p.audio_length - len(log_mel)
    if missing > 0:
        both = (missing // 2, missing - missing // 2)
        return np.pad(log_mel, (both, (0, 0)), constant_values=p.fill_value)
    start = int(np.floor(crop * (1 - missing)))
    return log_mel[start : start + p.audio_length]
