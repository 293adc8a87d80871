"""Worker processes: one speaks, the others record.

One process speaks all utterances in the plan's order, because the samples of an utterance depend on
those before it (see `open_seq2seq.synthetic.espeak`). The number of the other processes therefore
changes no byte. A word takes less than a millisecond to speak and several to record.
"""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import soxr

from open_seq2seq.data.wav_files import write_wav
from open_seq2seq.synthetic.espeak import ESPEAK_RATE, Espeak, Utterance
from open_seq2seq.synthetic.noise import SAMPLE_RATE, make_noise
from open_seq2seq.synthetic.plan import Clip, utterance_of
from open_seq2seq.synthetic.recording import SPEECH_FRACTION, record, to_pcm16
from open_seq2seq.synthetic.speakers import Speaker
from open_seq2seq.synthetic.streams import generator

BACKGROUND_S = 60

# none of the datasets' words may be in the babble
_SENTENCES = (
    "The weather was mild and the market opened early this morning.",
    "Please bring another chair, because everybody came after all.",
    "My brother bought bread, cheese and a bottle of milk.",
    "Several trains were late again when the storm arrived.",
    "Nobody knew where she kept the old photographs.",
    "They talked about music until the waiter brought the bill.",
    "Perhaps the garden needs water before the summer ends.",
    "He painted the kitchen blue and the hallway grey.",
)

_espeak: Espeak  # in the speaking process
_talkers: list[np.ndarray]  # in a recording process: sentences at 16 kHz


def start_speaking() -> None:
    """Prepare this process for `speak` and `speak_sentences`."""
    global _espeak
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    _espeak = Espeak()


def speak(clips: list[Clip], seed: int, clip_s: float = 1.0) -> list[np.ndarray]:
    """Return the speech of each clip, int16 at `ESPEAK_RATE`, for clips of ``clip_s`` seconds."""
    max_s = SPEECH_FRACTION * clip_s
    return [_espeak.say_within(utterance_of(clip, seed), max_s) for clip in clips]


def say(utterance: Utterance) -> np.ndarray:
    """Return the speech, int16 at `ESPEAK_RATE`."""
    return _espeak.say(utterance)


def speak_sentences(
    speakers: list[Speaker], texts: tuple[str, ...] = _SENTENCES
) -> list[np.ndarray]:
    """Return one sentence of each speaker, float32 at 16 kHz; ``texts`` go round."""
    sentences = []
    for index, speaker in enumerate(speakers):
        text = texts[index % len(texts)]
        utterance = Utterance(
            text,
            speaker.accent,
            speaker.voice,
            speaker.rate_wpm,
            speaker.pitch,
            speaker.pitch_range,
        )
        sentences.append(resample(_espeak.say(utterance), speaker))
    return sentences


def start_recording(talkers: list[np.ndarray]) -> None:
    """Prepare this process for `write_clips` and `write_background`."""
    global _talkers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _talkers = talkers


def talkers() -> list[np.ndarray]:
    """Return the sentences for babble noise, at 16 kHz."""
    return _talkers


def write_clips(
    folder: Path, clips: list[Clip], words: list[np.ndarray], seed: int, clip_s: float = 1.0
) -> int:
    """Record ``words``, the speech of ``clips``, write the files and return their number."""
    for clip, word in zip(clips, words, strict=True):
        rng = generator(seed, "recording", *clip.names)
        speech = resample(word, clip.speaker)
        # "stop" without its beginning would be "top"
        may_cut = not clip.group
        sound = record(speech, rng, _talkers, round(clip_s * SAMPLE_RATE), may_cut)
        write_wav(folder / clip.path, sound, SAMPLE_RATE)
    return len(clips)


def write_background(folder: Path, kind: str, seed: int) -> None:
    """Write one minute of noise of the given kind into ``folder``."""
    rng = generator(seed, "background", kind)
    noise = make_noise(kind, rng, BACKGROUND_S * SAMPLE_RATE, _talkers)
    write_wav(folder / f"{kind}.wav", to_pcm16(noise, rng.uniform(-15.0, -3.0)), SAMPLE_RATE)


def resample(speech: np.ndarray, speaker: Speaker) -> np.ndarray:
    """Return espeak-ng's int16 as float64 at 16 kHz, with the speaker's ``formant_scale``."""
    return soxr.resample(speech / 32768, ESPEAK_RATE * speaker.formant_scale, SAMPLE_RATE)
