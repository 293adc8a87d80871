"""From phrases to a detector, step by step; each step that is done stays done."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from open_seq2seq.config.phrase_params import PhraseParams
from open_seq2seq.errors import UserError, named
from open_seq2seq.phrase import sources, steps
from open_seq2seq.phrase.amounts import QUICK, Amounts
from open_seq2seq.phrase.checking import check_phrases, window_seconds
from open_seq2seq.phrase.negatives import read_negatives
from open_seq2seq.phrase.progress import Progress
from open_seq2seq.phrase.recipe import CONFIG, write_config
from open_seq2seq.phrase.recordings import read_recordings
from open_seq2seq.phrase.report import REPORT, write_report
from open_seq2seq.phrase.texts import choose_texts
from open_seq2seq.phrase.using import (
    FLOAT,
    MICRO,
    RESULT,
    Stopped,
    calibrate,
    export,
    measure_file,
    tell_missing,
    train,
)
from open_seq2seq.preprocessing.speakers import speaker_pattern
from open_seq2seq.storage import run_lock
from open_seq2seq.system.files import remove
from open_seq2seq.system.terminal import complain, logging_to, say, stdout_handler

logger = logging.getLogger(__name__)


def make_detector(
    phrases: Sequence[str], output_dir: Path, params: PhraseParams, amounts: Amounts
) -> int:
    """Make a detector, or go on with one that an earlier call has begun.

    Args:
        phrases: what is to be heard.
        output_dir: a new folder, an empty one, or that of an earlier call.
        params: recordings of the user, and what is wanted.
        amounts: how much of everything.

    Returns:
        the exit status: 0, 2 if the wanted rate of false accepts is not reached, or 128 plus the
        number of a signal that has stopped it.

    Raises:
        UserError: something given cannot be used. What is finished stays.
    """
    folder = output_dir.expanduser().resolve()
    with logging_to(stdout_handler()):
        labels = check_phrases(phrases)
        if len(labels) > 1:
            say(
                f"{len(labels)} phrases, a label each: {named(labels, 12)}; a phrase of several "
                "words is written in quotes"
            )
        progress = Progress(folder, _request(labels, params, amounts))
        if not progress.is_begun:
            _check_recordings(labels, params)
            progress.save()
    tell_missing()
    with _alone(folder):
        try:
            return _Maker(folder, labels, params, amounts, progress).run()
        except (KeyboardInterrupt, Stopped) as stop:
            complain(f"stopped; the same command goes on from here, and {folder} has what is done")
            if isinstance(stop, Stopped):
                return stop.status
            raise


def _request(labels: Sequence[str], params: PhraseParams, amounts: Amounts) -> dict[str, Any]:
    return {
        "phrases": list(labels),
        **params.model_dump(),
        "quick": amounts == QUICK,
    }


def _check_recordings(labels: Sequence[str], params: PhraseParams) -> None:
    """Refuse recordings that cannot be used, before anything is written."""
    if params.speaker_pattern is not None:
        speaker_pattern(params.speaker_pattern)
        if params.recordings is None:
            raise UserError(
                "--speaker_pattern is for --recordings; name their folder, or leave the flag out"
            )
    if params.negatives is not None:
        read_negatives(params.negatives)
    if params.recordings is not None:
        read_recordings(params.recordings, labels, params.speaker_pattern, params.seed)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other commands out of a folder, and remove what a killed one has left half made."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(run_lock.held(folder))
        except UserError:
            raise UserError(
                f"output_dir: another command is at work in {folder}; wait for it, or stop it"
            ) from None
        for parent in (folder, folder / steps.TRACKS):
            for partial in parent.glob(".*.partial"):
                remove(partial)
        yield


class _Maker:
    """The steps of one detector, in their order."""

    def __init__(
        self,
        folder: Path,
        labels: tuple[str, ...],
        params: PhraseParams,
        amounts: Amounts,
        progress: Progress,
    ) -> None:
        self._folder, self._labels, self._params = folder, labels, params
        self._amounts, self._progress = amounts, progress
        self._window_s = window_seconds(labels)

    def run(self) -> int:
        """Do all steps that are not done, and return the exit status."""
        with logging_to(stdout_handler()):
            self._make_sound()
        # these say what they do, each through its own handler
        self._step("training", lambda: train(self._folder))
        calibration = self._step(
            "calibration",
            lambda: calibrate(
                self._folder,
                self._params.false_accepts_per_hour,
                self._window_s,
                sources.corpora(self._folder, self._params, "val"),
                sources.corpora(self._folder, self._params, "test"),
            ),
        )
        exported = self._step("export", lambda: export(self._folder, self._window_s))
        if "error" not in exported[MICRO]:
            tracks = self._folder / steps.TRACKS / "test"
            self._step("device", lambda: measure_file(self._folder, tracks))
        summary = write_report(
            self._folder, self._labels, self._params, self._progress.done, self._window_s
        )
        say("")
        for line in summary:
            say(line)
        say(f"report: {self._folder / REPORT}")
        if error := calibration.get("error"):
            raise UserError(f"the detector is made, but its thresholds are not calibrated: {error}")
        for name in (FLOAT, MICRO):
            if error := exported[name].get("error"):
                raise UserError(
                    f"the detector is made, but not exported ({name}): {error}; the same command "
                    "tries it again"
                )
        return 0

    def _make_sound(self) -> None:
        folder, amounts, params = self._folder, self._amounts, self._params
        self._step("data", self._make_data)
        self._step("speech", lambda: steps.make_speech(folder, self._labels, amounts, params))
        if params.negatives is not None:
            self._step("negatives", lambda: steps.make_negatives(folder, params))
        self._step("val", lambda: steps.make_phrase_tracks(folder, "val", amounts, params))
        self._step("test", lambda: steps.make_phrase_tracks(folder, "test", amounts, params))
        if sources.has_similar(folder):
            self._step("similar", lambda: steps.make_similar_tracks(folder, params))
        if sources.has_recordings(folder, "test"):
            self._step("recordings", lambda: steps.make_own_tracks(folder, params))
        if not (folder / CONFIG).exists():
            write_config(
                folder,
                self._labels,
                sources.of_training(folder, params),
                amounts,
                window_s=self._window_s,
                validation_tracks=sources.corpora(folder, params, "val"),
                seed=params.seed,
            )
            say(f"config: {folder / CONFIG}")

    def _make_data(self) -> dict[str, Any]:
        texts = choose_texts(self._labels, self._amounts, self._params.seed)
        return steps.make_data(
            self._folder, self._labels, texts, self._amounts, self._params, self._window_s
        )

    def _step(self, name: str, do: Any) -> dict[str, Any]:
        if self._progress.is_done(name):
            return self._progress.done[name]
        say(f"step: {_STEPS[name]}")
        facts = self._progress.step(name, do)
        say(f"done in {facts['seconds']:.0f} s, {facts['cpu_seconds']:.0f} s of them CPU time")
        return facts


_STEPS = {
    "data": "clips of the phrases and of other words, by synthetic voices",
    "speech": "running speech without the phrases, by synthetic voices",
    "negatives": "your recordings without the phrases, parted",
    "val": "tracks for validation and calibration",
    "test": "tracks for testing",
    "similar": "tracks of words that sound nearly like it",
    "recordings": "tracks of your own recordings",
    "training": "training",
    "calibration": f"thresholds, and measurement; results in {RESULT}/detection",
    "export": "export",
    "device": "the file for microcontrollers, on the tracks for testing",
}
