"""Recall, false accepts and latency of a model on corpora."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.detection import counts as counting
from open_seq2seq.detection.corpora import Corpus, open_corpora
from open_seq2seq.detection.counts import ALL, Counts
from open_seq2seq.detection.firing import Timeline, averaged, fired
from open_seq2seq.detection.heard import Heard, HeardCorpus
from open_seq2seq.detection.hearing import hear
from open_seq2seq.detection.matching import Words, match
from open_seq2seq.errors import UserError, named
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.events import Event
from open_seq2seq.streaming.settings import settings_of

FOUND, FALSE_ACCEPT, REPEAT = "found", "false accept", "repeat"


class JudgedEvent(NamedTuple):
    """An event, and what it is."""

    corpus: str
    path: str  # of the recording
    event: Event
    result: str  # FOUND, FALSE_ACCEPT or REPEAT
    word_start: float | None = None  # seconds, of the word that it found
    word_end: float | None = None


class Measurement(NamedTuple):
    """What a detector did."""

    settings: StreamParams
    tolerance_s: float
    corpora: dict[str, dict[str, Counts]]  # by name of the corpus and label, `ALL` the last
    together: dict[str, Counts]  # by label, all corpora together
    events: list[JudgedEvent]  # by corpus, recording and time

    @property
    def all(self) -> Counts:
        """All labels and all corpora together."""
        return self.together[ALL]

    def highest_false_accepts(self, corpus: str, most: int = 10) -> list[JudgedEvent]:
        """Return the false accepts of a corpus that have the highest scores."""
        false = [e for e in self.events if e.corpus == corpus and e.result != FOUND]
        return sorted(false, key=lambda each: -each.event.score)[:most]


def measure(
    model: PretrainedModel,
    corpora: Iterable[Corpus | str],
    params: DetectParams | None = None,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Measurement:
    """Return what a model's detector does on corpora.

    Its settings are those given, then those calibrated, then the defaults. The weights are those of
    the model at its first prediction: while a network is trained, make a new `PretrainedModel` for
    each measurement.

    Args:
        model: what is measured.
        corpora: on what; paths as the command line has them, or what `open_corpora` returns.
        params: how it listens, and the tolerance.
        progress: takes the seconds of sound heard so far.

    Raises:
        UserError: a corpus cannot be used, or the model cannot listen so.
    """
    params = params or DetectParams()
    settings = settings_of(model, params)
    keywords_of(model.labels, settings)
    given = list(corpora)
    opened = [each for each in given if isinstance(each, Corpus)]
    opened += open_corpora(each for each in given if not isinstance(each, Corpus))
    heard = hear(model, opened, settings, progress)
    return measure_heard(heard, settings, params.match_tolerance_s)


def keywords_of(labels: tuple[str, ...], settings: StreamParams) -> dict[str, float]:
    """Return the threshold of each label that can be an event.

    Raises:
        UserError: there is none, or a threshold is of a label that there is not.
    """
    try:
        thresholds = settings.thresholds_of(labels)
    except ValueError as error:
        raise UserError(str(error)) from None
    keywords = {
        label: threshold
        for label, threshold in zip(labels, thresholds, strict=True)
        if threshold is not None
    }
    if not keywords:
        raise UserError(
            f"quiet_labels: no label of the model can be an event; its labels are {named(labels)}, "
            f"and {named(settings.quiet_labels)} are quiet"
        )
    return keywords


def tolerance_of(settings: StreamParams, given: float | None) -> float:
    """Return the seconds after a word in which an event is of it.

    By default that is as long as an averaged window can hold a part of the word.
    """
    if given is not None:
        return given
    return settings.window_s + (settings.smoothing - 1) * settings.hop_s


def measure_heard(
    heard: Heard, settings: StreamParams, match_tolerance_s: float | None = None
) -> Measurement:
    """Return what a detector of these settings does with what the network says of some corpora.

    Args:
        heard: by the settings' method, window and hop.
        settings: of the detector.
        match_tolerance_s: as in `DetectParams`.
    """
    tolerance_s = tolerance_of(settings, match_tolerance_s)
    by_corpus: dict[str, dict[str, Counts]] = {}
    events: list[JudgedEvent] = []
    for corpus in heard.corpora:
        counts: dict[str, Counts] = {}
        judged: list[tuple[int, JudgedEvent]] = []
        timeline = Timeline.of(corpus.tracks, len(heard.labels))
        for label, threshold in keywords_of(heard.labels, settings).items():
            its_events = _events_of(heard, corpus, timeline, settings, label, threshold)
            its_counts, its_judged = _judge(heard, corpus, label, list(its_events), tolerance_s)
            counts[label] = its_counts
            judged += its_judged
        counts[ALL] = counting.of_labels(ALL, counts.values())
        by_corpus[corpus.name] = counts
        judged.sort(key=lambda each: (each[0], each[1].event.end))
        events += [each for _, each in judged]
    labels = [*keywords_of(heard.labels, settings), ALL]
    together = {
        label: counting.of_corpora(label, [counts[label] for counts in by_corpus.values()])
        for label in labels
    }
    return Measurement(settings, tolerance_s, by_corpus, together, events)


def _events_of(
    heard: Heard,
    corpus: HeardCorpus,
    timeline: Timeline,
    settings: StreamParams,
    label: str,
    threshold: float,
) -> Iterator[tuple[int, Event]]:
    """Yield the track and the event, for each event of a label."""
    series = averaged(timeline, heard.labels.index(label), settings.smoothing)
    for at in fired(series, threshold, settings.min_gap_s).tolist():
        row = int(series.row[at])
        start_s, end_s = float(timeline.start_s[row]), float(timeline.end_s[row])
        yield int(series.track[at]), Event(label, start_s, end_s, float(series.average[at]))


def _judge(
    heard: Heard,
    corpus: HeardCorpus,
    label: str,
    events: list[tuple[int, Event]],
    tolerance_s: float,
) -> tuple[Counts, list[tuple[int, JudgedEvent]]]:
    words = Words.of((each.track for each in corpus.tracks), label)
    matches = match(
        words, [track for track, _ in events], [event.end for _, event in events], tolerance_s
    )
    latencies, judged = [], []
    for (track, event), word, is_repeat in zip(
        events, matches.word.tolist(), matches.is_repeat.tolist(), strict=True
    ):
        path = str(corpus.tracks[track].track.path)
        if word >= 0:
            start, end = float(words.start[word]), float(words.end[word])
            latencies.append(event.end + heard.delay_s - end)
            judged.append((track, JudgedEvent(corpus.name, path, event, FOUND, start, end)))
        else:
            result = REPEAT if is_repeat else FALSE_ACCEPT
            judged.append((track, JudgedEvent(corpus.name, path, event, result)))
    counts = Counts(
        label,
        corpus.hours,
        words.n,
        matches.n_found,
        matches.n_false_accepts,
        int(matches.is_repeat.sum()),
        tuple(latencies),
    )
    return counts, judged
