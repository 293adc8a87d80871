"""Speech from the formant synthesiser libespeak-ng, through its C interface.

The library keeps state between utterances: the phase of its oscillators, its pitch flutter and its
last voice. Neither its random seed nor a second initialisation resets this state, so the samples of
an utterance depend on those before it in the same process. The same bytes need the same utterances
in the same order in a new process, as in `open_seq2seq.synthetic.dataset`.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.errors import UserError

# constants of espeak-ng's speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT_ON_ERROR = 0x8000
_CHARACTER_POSITION, _UTF8 = 1, 1
_PHONEME_INPUT = 0x100  # what is in [[ ]] is phonemes
_SEPARATED = ord("_") << 8  # phonemes by their names, with _ between them
_IPA = 2
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
ESPEAK_RATE = 22050  # sample rate in Hz of the voices that need no other package
MAX_RATE_WPM = 450  # the library compresses faster speech in time

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

_MISSING = (
    "the speech synthesiser is not installed (Python package espeakng-loader); "
    "install it with `pip install espeakng-loader`"
)


class Utterance(NamedTuple):
    """A text and how to say it, on espeak-ng's scales."""

    text: str
    accent: str  # an espeak-ng language, "en-us"
    voice: str  # a voice variant, a file of espeak-ng-data/voices/!v
    rate_wpm: int
    pitch: int  # 0 to 99; 50 is the voice's default
    pitch_range: int  # 0 (monotone) to 99
    is_phonemes: bool = False  # the text is phonemes, "s|t|'0|p", as `Espeak.phonemes` names them


class Espeak:
    """The library, loaded and initialised; its state is that of the whole process.

    Raises:
        UserError: the package espeakng-loader or its data is missing.
    """

    def __init__(self) -> None:
        self._voices = _data_folder() / "voices" / "!v"
        self._chunks: list[bytes] = []
        self._callback = _CALLBACK(self._receive)  # a reference, as C code keeps calling it
        self._library = _load_library()
        sample_rate = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(_data_folder()), _DO_NOT_EXIT_ON_ERROR
        )
        if sample_rate != ESPEAK_RATE:
            raise UserError(
                f"espeak-ng cannot read its data in {_data_folder()}; reinstall espeakng-loader, "
                "in a folder with a shorter path if this one is longer than espeak-ng's limit of "
                "about 150 characters"
            )
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))

    def say(self, utterance: Utterance) -> np.ndarray:
        """Return the speech, int16 at `ESPEAK_RATE`, without the silence around it."""
        # without this check, the library would silently use its default voice
        if not (self._voices / utterance.voice).is_file():
            raise UserError(
                f"espeak-ng has no voice variant {utterance.voice!r} in {self._voices}; "
                "install the version of espeakng-loader that this package requires"
            )
        library = self._library
        library.espeak_SetVoiceByName(f"{utterance.accent}+{utterance.voice}".encode())
        library.espeak_SetParameter(_RATE, utterance.rate_wpm, 0)
        library.espeak_SetParameter(_PITCH, utterance.pitch, 0)
        library.espeak_SetParameter(_PITCH_RANGE, utterance.pitch_range, 0)
        text, flags = utterance.text.encode("utf-8"), _UTF8
        if utterance.is_phonemes:
            text, flags = b"[[" + text + b"]]", _UTF8 | _PHONEME_INPUT
        self._chunks.clear()
        # each time: the library has one for all instances of a process
        library.espeak_SetSynthCallback(self._callback)
        library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, _CHARACTER_POSITION, 0, flags, None, None
        )
        return trim_silence(np.frombuffer(b"".join(self._chunks), dtype=np.int16))

    def say_within(self, utterance: Utterance, max_s: float) -> np.ndarray:
        """Return the speech like `say`; if it is longer than ``max_s``, say it again, faster."""
        speech = self.say(utterance)
        duration_s = len(speech) / ESPEAK_RATE
        if duration_s <= max_s:
            return speech
        rate_wpm = min(MAX_RATE_WPM, round(utterance.rate_wpm * duration_s / max_s))
        return self.say(utterance._replace(rate_wpm=rate_wpm))

    def phonemes(self, text: str, accent: str, *, ipa: bool = False) -> list[list[str]]:
        """Return the phonemes of each word of ``text``, by espeak-ng's names, with stress marks.

        Its names differ from language to language; ``ipa`` asks for those of the International
        Phonetic Alphabet.

        Raises:
            UserError: the library is too old to tell them.
        """
        library = self._library
        try:
            tell = library.espeak_TextToPhonemes
        except AttributeError:
            raise UserError(
                "this espeak-ng library cannot tell phonemes; install the version of "
                "espeakng-loader that this package requires"
            ) from None
        tell.restype = ctypes.c_char_p
        tell.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        library.espeak_SetVoiceByName(accent.encode())
        mode = _SEPARATED | (_IPA if ipa else 0)
        # the library moves the pointer on, clause by clause, and to null at the end
        rest = ctypes.c_char_p(text.encode("utf-8"))
        words: list[list[str]] = []
        while rest.value is not None:
            clause = tell(ctypes.byref(rest), _UTF8, mode) or b""
            words += [word.strip("_").split("_") for word in clause.decode().split()]
        return [tokens for word in words if (tokens := [token for token in word if token])]

    def _receive(self, samples: int | None, n_samples: int, _events: int | None) -> int:
        if samples and n_samples > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * n_samples))
        return 0  # continue


def trim_silence(samples: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Return ``samples`` from the first to the last above ``threshold`` times their peak."""
    magnitude = np.abs(samples.astype(np.int32))  # int16 has no +32768
    loud = np.flatnonzero(magnitude > threshold * magnitude.max(initial=0))
    if loud.size == 0:
        return samples[:0]
    return samples[loud[0] : loud[-1] + 1]


def _data_folder() -> Path:
    try:
        import espeakng_loader

        return Path(espeakng_loader.get_data_path())
    except (ImportError, RuntimeError):
        raise UserError(_MISSING) from None


def _load_library() -> ctypes.CDLL:
    try:
        import espeakng_loader

        return ctypes.CDLL(espeakng_loader.get_library_path())
    except ImportError:
        raise UserError(_MISSING) from None
    except OSError as error:
        raise UserError(
            f"cannot load the espeak-ng library ({error}); reinstall espeakng-loader"
        ) from None
