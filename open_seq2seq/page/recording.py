"""What a model hears in one recording: label, features, probabilities over time, events."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.audio import BadAudioError
from open_seq2seq.data.features import count_frames
from open_seq2seq.data.front_end import FrontEnd, is_long
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.errors import UserError
from open_seq2seq.inference import Prediction
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming import Event, StreamingDetector
from open_seq2seq.streaming.front_end import StreamFrontEnd
from open_seq2seq.streaming.windows import Scores

LONGEST_S = 60.0  # of what is heard of a recording; more would be neither seen nor listened to
_N_BEST = 3  # labels that are told


class Heard(NamedTuple):
    """A recording as the model hears it."""

    samples: np.ndarray  # int16 [samples] at the model's rate
    sample_rate: int  # in Hz
    is_cut: bool  # whether the recording is longer than what was heard
    notes: list[str]  # what was converted, and what is wrong with the sound
    log_mel: np.ndarray  # float32 [frames, mel bands]
    whole: Prediction | None  # of the recording as one clip; none where it is long
    scores: list[Scores]  # of overlapping windows
    events: list[Event]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate


def hear(model: PretrainedModel, params: StreamParams, path: Path) -> Heard:
    """Return what the model hears in the first minute of an audio file.

    The events are those of ``--mode=stream``, and the label is that of ``--mode=infer``.

    Raises:
        UserError: the file cannot be used; the message is for who has chosen it.
    """
    front_end = model.data_layer
    rate = front_end.sample_rate
    try:
        samples, is_cut, notes = _read(front_end, path, rate)
    except BadAudioError as error:
        raise UserError(
            f"{path.name}: {error}. Expected a recording in a format that libsndfile reads, such "
            "as WAV, FLAC, Ogg or MP3"
        ) from None
    whole: Prediction | None = None
    if not is_long(len(samples) / rate, front_end):
        (whole,) = model.predict(samples, sample_rate=rate, top_k=_N_BEST)
    detector = StreamingDetector(model, **dict(params))
    events = detector.push(samples)
    log_mel = log_mel_of(front_end, samples)
    return Heard(samples, rate, is_cut, notes, log_mel, whole, detector.scores, events)


def _read(reading: Reading, path: Path, rate: int) -> tuple[np.ndarray, bool, list[str]]:
    """Return int16 samples, whether there are more, and what was converted or is wrong."""
    n_most = round(LONGEST_S * rate)
    blocks, n_samples = [], 0
    notes: list[str] = []
    for block in reading.read_blocks(path, rate):
        blocks.append(block.samples)
        n_samples += len(block.samples)
        if not notes and block.converted_from:
            notes.append(f"converted from {block.converted_from}")
        if block.flaw and block.flaw not in notes:
            notes.append(block.flaw)
        if n_samples > n_most:
            break
    return np.concatenate(blocks)[:n_most], n_samples > n_most, notes


def log_mel_of(front_end: FrontEnd, samples: np.ndarray) -> np.ndarray:
    """Return the log-mel energies of a whole recording, float32 [frames, mel bands].

    Frame t is around sample t * hop_length. Of MFCC they are what the cosine transform is made of.

    Args:
        front_end: of the model.
        samples: int16 [samples].
    """
    changes = {"features": "log_mel", "num_audio_features": front_end.n_mels, "num_mels": None}
    half = front_end.n_fft // 2
    frames = StreamFrontEnd(
        front_end.model_copy(update=changes), count_frames(len(samples), front_end.hop_length)
    )
    (log_mel,) = frames.push(np.pad(samples, (half, half)))
    return log_mel
