"""The network's pass over tracks: the probabilities of all windows, kept once.

Smoothing, thresholds and gap are applied to them afterwards, as often as one likes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data import flaws
from open_seq2seq.data.audio import BadAudioError, check_header
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.data.waveforms import bad_audio_message
from open_seq2seq.detection.corpora import Corpus
from open_seq2seq.detection.heard import Heard, HeardCorpus, HeardTrack
from open_seq2seq.detection.tracks import Track
from open_seq2seq.errors import NON_FINITE_ADVICE, UserError, named
from open_seq2seq.inference.params import Windows
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.incremental import IncrementalScorer
from open_seq2seq.streaming.windows import Scorer, Scores

_BATCH = 64  # windows or hops; the first of a track, then the next ones, however it is read

logger = logging.getLogger(__name__)

Progress = Callable[[float], None]  # takes the seconds of sound heard so far


def hear(
    model: PretrainedModel,
    corpora: Sequence[Corpus],
    params: StreamParams,
    progress: Progress = lambda seconds: None,
    scorer: Scorer | None = None,
) -> Heard:
    """Run a network over corpora.

    Args:
        model: what is listened with.
        corpora: what is listened to.
        params: of which method, window_s and hop_s are used.
        progress: is told how much was heard.
        scorer: of the stream, such as a file made of the model, in place of its network.

    Raises:
        UserError: a recording cannot be used, or the network cannot listen so.
    """
    _check_labels(model.labels, corpora)
    front_end = model.data_layer
    windows = Windows.of(params.window_s, params.hop_s, front_end)
    scorer = scorer or _scorer_of(model, windows, params)
    heard_s, heard = 0.0, []
    for corpus in corpora:
        tracks: list[HeardTrack] = []
        for track in corpus.tracks:

            def tell(seconds: float, before: float = heard_s) -> None:
                progress(before + seconds)

            try:
                tracks.append(_hear_track(model, windows, scorer, track, tell))
            except BadAudioError as error:
                if front_end.on_bad_audio == "stop":
                    raise UserError(bad_audio_message({str(track.path): str(error)})) from None
                logger.warning(f"{track.path}: skipped, {error}")
                continue
            heard_s += tracks[-1].seconds
        short = [each.track.path.name for each in tracks if not len(each.end_s)]
        if short:
            logger.warning(
                f"{corpus.name}: shorter than a window of {params.window_s:g} s, nothing is heard "
                f"in it: {named(short)}"
            )
        heard.append(HeardCorpus(corpus.name, corpus.path, tuple(tracks)))
    return Heard(model.labels, tuple(heard), scorer.delay_s if scorer else 0.0)


def check_hearing(model: PretrainedModel, corpora: Sequence[Corpus], params: StreamParams) -> None:
    """Refuse what `hear` would refuse of the network, and of the headers of the recordings.

    Raises:
        UserError: a recording cannot be used, or the network cannot listen so.
    """
    _scorer_of(model, Windows.of(params.window_s, params.hop_s, model.data_layer), params)
    sound_s(model, corpora)


def _scorer_of(model: PretrainedModel, windows: Windows, params: StreamParams) -> Scorer | None:
    """Return what hears a stream; None where each window is heard by itself."""
    return IncrementalScorer(model, windows, _BATCH) if params.method == "incremental" else None


def sound_s(model: PretrainedModel, corpora: Iterable[Corpus]) -> float:
    """Return the seconds of sound in corpora, as the headers of the recordings say.

    Raises:
        UserError: some cannot be used, and bad ones are not to be skipped.
    """
    rate = model.data_layer.sample_rate
    n_samples, bad = 0, {}
    for track in (track for corpus in corpora for track in corpus.tracks):
        try:
            n_samples += check_header(str(track.path), rate, any_length=True).n_samples
        except BadAudioError as error:
            bad[str(track.path)] = str(error)
    if bad and model.data_layer.on_bad_audio == "stop":
        raise UserError(bad_audio_message(bad))
    return n_samples / rate


def _hear_track(
    model: PretrainedModel,
    windows: Windows,
    scorer: Scorer | None,
    track: Track,
    tell: Progress,
) -> HeardTrack:
    rate = model.data_layer.sample_rate
    n_samples, found = 0, []

    def blocks() -> Iterator[np.ndarray]:
        nonlocal n_samples
        for block in model.data_layer.read_blocks(track.path, rate):
            n_samples += len(block.samples)
            found.append(block.flaw)
            yield block.samples
            tell(n_samples / rate)

    if scorer is None:
        scores = in_batches(blocks(), windows, model.probabilities)
    else:
        scores = _of_scorer(scorer, blocks())
    starts, ends, rows = [], [], []
    for start, end, probabilities in scores:
        starts.append(start / rate)
        ends.append(end / rate)
        rows.append(probabilities)
    if flaw := flaws.of_blocks(found):
        logger.warning(f"{track.path}: {flaw}")
    together: np.ndarray = np.zeros((0, len(model.labels)), np.float32)
    if rows:
        together = np.stack(rows)
    if not np.isfinite(together).all():
        raise UserError(
            f"{track.path}: the model's probabilities for it are not finite. {NON_FINITE_ADVICE}"
        )
    return HeardTrack(track, n_samples / rate, np.array(starts), np.array(ends), together)


def _of_scorer(scorer: Scorer, blocks: Iterable[np.ndarray]) -> Iterator[Scores]:
    scorer.reset()
    for block in blocks:
        yield from scorer.push(block)
    if isinstance(scorer, IncrementalScorer):
        yield from scorer.finish()


def in_batches(
    blocks: Iterable[np.ndarray],
    windows: Windows,
    probabilities: Callable[[list[np.ndarray]], np.ndarray],
) -> Iterator[Scores]:
    """Yield the probabilities of the windows of a track, computed in batches.

    A window's bits may depend on its batch. The batches are those of the track alone, so that they
    do not depend on how it comes.

    Args:
        blocks: int16 samples, one block after the other.
        windows: their length and hop in samples.
        probabilities: of int16 waveforms [samples], float32 [clips, labels].
    """
    length, hop = windows
    n_needed = (_BATCH - 1) * hop + length
    start, held = 0, np.zeros(0, np.int16)

    def batch(n_windows: int) -> Iterator[Scores]:
        pieces = [held[index * hop :][:length] for index in range(n_windows)]
        for index, row in enumerate(probabilities(pieces)):
            first = start + index * hop
            yield Scores(first, first + length, row)

    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= n_needed:
            yield from batch(_BATCH)
            start, held = start + _BATCH * hop, held[_BATCH * hop :]
    if len(held) >= length:
        yield from batch((len(held) - length) // hop + 1)


def _check_labels(labels: tuple[str, ...], corpora: Sequence[Corpus]) -> None:
    """Warn of labels in lists that the model does not have: its words are no misses."""
    said = {each.label for corpus in corpora for track in corpus.tracks for each in track.spoken}
    unknown = sorted(said - {*labels, UNKNOWN, SILENCE})
    if unknown:
        logger.warning(
            f"the model has no label {named(unknown)}, which lists name; such words are neither "
            f"found nor missed. Its labels are {named(labels, 40)}"
        )
