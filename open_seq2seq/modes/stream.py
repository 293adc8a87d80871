"""``--mode=stream``: keywords in recordings, on standard input or from the microphone."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.data.audio import BadAudioError, check_header
from open_seq2seq.data.waveforms import bad_audio_message
from open_seq2seq.errors import UserError, counted
from open_seq2seq.inference import recordings_of
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.opening import open_model
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.streaming import Event, StreamingDetector
from open_seq2seq.streaming.microphone import chunks_of_microphone
from open_seq2seq.system.files import flush_file, written_aside
from open_seq2seq.system.outputs import check_output
from open_seq2seq.system.signals import ended_by_sigterm

STANDARD_INPUT, MICROPHONE = "-", "microphone"
_CHUNK_BYTES = 3200  # a tenth of a second at 16 kHz

logger = logging.getLogger(__name__)


def stream(run: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Print and save the events, and return the exit status."""
    if distributed.launched_rank() != 0:
        return 0
    if not options.clips:
        raise UserError(
            "nothing to listen to: name audio files, folders or manifests, - for samples (16-bit, "
            "mono, at the model's rate) on standard input, or microphone"
        )
    if options.save_events is not None:
        check_output(options.save_events, "--save_events")
    model = open_model(run)
    reading = run.data_layer_params if isinstance(run, TrainedRun) else run.data_layers["infer"]
    detector = StreamingDetector(model, **options.stream.given())
    sources = list(_sources(options.clips, detector.sample_rate, reading))
    n_events = 0
    with ended_by_sigterm(), _saving(options.save_events) as save:
        for name, chunks in sources:
            detector.reset()
            try:
                for chunk in chunks:
                    for event in detector.push(chunk):
                        n_events += 1
                        logger.info(_line(name, event, len(sources) > 1))
                        save(name, event)
            except BadAudioError as error:
                if reading.on_bad_audio == "stop":
                    raise UserError(bad_audio_message({name: str(error)})) from None
                logger.warning(f"{name}: not heard to its end, {error}")
            except KeyboardInterrupt:
                if name not in (STANDARD_INPUT, MICROPHONE):
                    raise
                break  # how these are switched off
    logger.info(counted(n_events, "event"))
    return 0


def _sources(
    paths: tuple[str, ...], rate: int, reading: Any
) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    """Yield the name of each stream and its chunks, int16 or float32 [samples].

    Raises:
        UserError: the headers of recordings tell that they cannot be used, and such are not to be
            skipped.
    """
    bad = {}
    for path in paths:
        if path == STANDARD_INPUT:
            yield path, _standard_input()
        elif path == MICROPHONE:
            yield path, chunks_of_microphone(rate)
        else:
            for recording in recordings_of([path]):
                try:
                    check_header(recording.source, rate, any_length=True)
                except BadAudioError as error:
                    bad[recording.name] = str(error)
                    continue
                blocks = reading.read_blocks(recording.source, rate)
                yield recording.name, (block.samples for block in blocks)
    if bad and reading.on_bad_audio == "stop":
        raise UserError(bad_audio_message(bad))
    for name, reason in bad.items():
        logger.warning(f"{name}: skipped, {reason}")


def _standard_input() -> Iterator[np.ndarray]:
    """Yield the samples as they come: 16-bit, little-endian, mono, at the model's rate.

    Raises:
        UserError: nobody writes to it, or it ends in the middle of a sample.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("-: expected samples on standard input, through a pipe")
    read = getattr(sys.stdin.buffer, "read1", sys.stdin.buffer.read)
    rest, is_empty = b"", True
    while data := read(_CHUNK_BYTES):
        data, is_empty = rest + data, False
        n_bytes = len(data) // 2 * 2
        yield np.frombuffer(data[:n_bytes], "<i2").astype(np.int16)
        rest = data[n_bytes:]
    if is_empty:
        raise UserError("-: standard input holds no samples; expected 16-bit, mono ones")
    if rest:
        raise UserError(
            "-: standard input has ended in the middle of a sample; expected 16-bit samples. What "
            "was heard before is complete"
        )


def _line(name: str, event: Event, with_name: bool) -> str:
    where = f"{name} " if with_name else ""
    return f"{where}{event.start:.2f} to {event.end:.2f} s: {event.label} ({event.score:.3f})"


@contextlib.contextmanager
def _saving(path: Path | None) -> Iterator[Callable[[str, Event], None]]:
    """Yield a function that saves an event, as a line of JSON; the file is there at the end.

    Events before an error, or before Ctrl-C, are kept.
    """
    if path is None:
        yield lambda name, event: None
        return
    failure: UserError | KeyboardInterrupt | None = None
    try:
        with (
            written_aside(path) as partial,
            open(partial, "w", encoding="utf-8", errors="backslashreplace") as file,
        ):

            def save(name: str, event: Event) -> None:
                record = {"path": name, **event._asdict()}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")

            try:
                yield save
            except (UserError, KeyboardInterrupt) as error:
                failure = error
            flush_file(file)
    except OSError as error:
        raise UserError(
            f"--save_events: cannot write {path} ({error.strerror or error}); name another file"
        ) from None
    if failure is not None:
        raise failure
