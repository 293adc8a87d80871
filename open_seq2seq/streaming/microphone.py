"""The microphone as a stream of chunks, by the library sounddevice."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np

from open_seq2seq.errors import UserError

_CHUNK_S = 0.05
_SILENT_S = 5.0  # after which a microphone that gives nothing counts as unplugged


def chunks_of_microphone(sample_rate: int) -> Iterator[np.ndarray]:
    """Yield int16 samples as they are recorded, until the caller has enough.

    Raises:
        UserError: sounddevice is not installed, there is no microphone, or it gives nothing more.
    """
    try:
        import sounddevice
    except ImportError:
        raise UserError(
            "microphone: needs sounddevice, not installed here; "
            'pip install "open-seq2seq-speech-commands[microphone]"'
        ) from None
    except OSError as error:  # the library that it calls
        raise UserError(f"microphone: {error}; install PortAudio (libportaudio2)") from None

    recorded: queue.Queue[np.ndarray] = queue.Queue()

    def keep(data: Any, n_frames: int, time: Any, status: Any) -> None:
        recorded.put(np.frombuffer(bytes(data), np.int16))

    try:
        with sounddevice.RawInputStream(
            samplerate=sample_rate,
            blocksize=round(_CHUNK_S * sample_rate),
            channels=1,
            dtype="int16",
            callback=keep,
        ):
            while True:
                yield recorded.get(timeout=_SILENT_S)
    except sounddevice.PortAudioError as error:
        raise UserError(f"microphone: cannot be used ({error}); connect one") from None
    except queue.Empty:
        raise UserError(
            f"microphone: has given nothing for {_SILENT_S:g} s; is it unplugged?"
        ) from None
