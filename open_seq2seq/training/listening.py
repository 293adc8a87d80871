"""How many keywords a network finds on validation tracks at a wanted rate of false accepts."""

from __future__ import annotations

from collections.abc import Callable

from open_seq2seq.config import Config
from open_seq2seq.config.validation_tracks import ValidationTracks
from open_seq2seq.detection.advice import RateNotReached
from open_seq2seq.detection.calibrating import best_settings
from open_seq2seq.detection.corpora import open_corpora
from open_seq2seq.detection.hearing import check_hearing, hear
from open_seq2seq.detection.measuring import keywords_of, measure_heard
from open_seq2seq.errors import UserError, named
from open_seq2seq.evaluation import Detection
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.structs import KerasModel


class _Stopped(Exception):
    """A signal has come while tracks were heard."""


class Listening:
    """Validation tracks, and how a run's model listens to them."""

    def __init__(
        self, params: ValidationTracks, config: Config, labels: tuple[str, ...], network: KerasModel
    ) -> None:
        """Open the tracks.

        Raises:
            UserError: they cannot be used, or the network cannot listen so.
        """
        self._params, self._config = params, config
        self._labels, self._network = labels, network
        try:
            self._corpora = open_corpora(params.tracks)
        except UserError as error:
            raise UserError(f"validation_tracks_params/tracks: {error}") from None
        try:
            check_hearing(self._model(), self._corpora, params.detect_params)
        except UserError as error:
            raise UserError(f"validation_tracks_params/{error}") from None
        keywords = keywords_of(labels, params.detect_params.stream)
        tracks = [track for corpus in self._corpora for track in corpus.tracks]
        if not any(each.label in keywords for track in tracks for each in track.spoken):
            raise UserError(
                "validation_tracks_params/tracks: no list says that one of the model's keywords, "
                f"{named(list(keywords), 10)}, is said in them; add tracks with keywords, as "
                "open-seq2seq-tracks makes them"
            )

    def detection(self, should_stop: Callable[[], bool]) -> Detection | None:
        """Return what the network finds now; None where it should stop before it knows."""

        def go_on(seconds: float) -> None:
            if should_stop():
                raise _Stopped

        params = self._params.detect_params
        try:
            heard = hear(self._model(), self._corpora, params, go_on)
        except _Stopped:
            return None
        wanted = params.false_accepts_per_hour
        try:
            settings = best_settings(heard, params)
        except RateNotReached:  # of a network that has hardly begun
            return Detection(0.0, wanted, heard.hours)
        measurement = measure_heard(heard, settings, params.match_tolerance_s)
        return Detection(measurement.all.recall or 0.0, wanted, heard.hours)

    def _model(self) -> PretrainedModel:
        # a new object each time: a predictor keeps the weights of its first prediction
        return PretrainedModel(
            self._network,
            self._config.data_layers["eval"],
            self._labels,
            encoder=self._config.encoder,
            decoder=self._config.decoder,
        )
