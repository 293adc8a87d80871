"""The labels and the front end that a checkpoint was trained on, against those it is used with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pydantic

from open_seq2seq.components import Decoder
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError, counted, listed
from open_seq2seq.storage.progress import RunInfo

logger = logging.getLogger(__name__)


def check_labels(info: RunInfo, labels: tuple[str, ...], source: str) -> None:
    """Refuse a checkpoint whose outputs mean something else than the data's labels.

    Args:
        info: of the checkpoint.
        labels: of the data.
        source: key and path of the checkpoint, for the message.
    """
    if info.labels != labels:
        raise UserError(
            f"{source} was trained on the labels {' '.join(info.labels)}, "
            f"the data has {' '.join(labels)}; "
            "use the manifests that it was trained on, or another checkpoint"
        )


def check_outputs(info: RunInfo, decoder: Decoder, source: str) -> None:
    """Refuse a decoder that gives other probabilities than the checkpoint's.

    Args:
        info: of the checkpoint; of a decoder of the user's own it does not say.
        decoder: that it shall be used with.
        source: key and path of the checkpoint, for the message.
    """
    if info.architecture is None:
        return
    trained = info.architecture.get("decoder_params", {}).get("outputs", "softmax")
    if trained != decoder.outputs:
        raise UserError(
            f"{source} was trained with decoder_params/outputs={trained!r}, now it is "
            f"{decoder.outputs!r}; set it to {trained!r}, or start another run"
        )


def check_classes(info: RunInfo, classes: tuple[str, ...], source: str) -> None:
    """Refuse to continue a run with other words of unknown as classes of their own.

    Args:
        info: of the checkpoint.
        classes: of the data.
        source: key and path of the checkpoint, for the message.
    """
    if info.classes == classes:
        return
    if not (info.classes and classes):
        was, now = bool(info.classes), bool(classes)
        raise UserError(
            f"{source} was trained with data_layer_params/merge_unknown={was}, now it is {now}; "
            f"set it to {was}, or start another run"
        )
    differences = [f"{word}: no longer there" for word in info.classes if word not in classes]
    differences += [f"{word}: new" for word in classes if word not in info.classes]
    raise UserError(
        f"{source} was trained with {counted(len(info.classes), 'word')} of unknown as classes of "
        f"their own, the data has {len(classes)}:{listed(differences, 5)}\n"
        "Use the manifests that it was trained on, or start another run with --load_model"
    )


def check_front_end(
    info: RunInfo, front_end: FrontEnd, source: str, changed: Sequence[str] = ()
) -> None:
    """Refuse a checkpoint whose network was trained on other images of the same clips.

    Args:
        info: of the checkpoint.
        front_end: that it shall be used with.
        source: key and path of the checkpoint, for the message.
        changed: keys whose values may differ; each one that does is warned of.

    Raises:
        UserError: another key differs.
    """
    trained = _front_end_of(info)
    if trained is None:
        logger.info(f"{source} does not say which front end it was trained with: not compared")
        return
    compare(trained, front_end.in_effect(), f"{source} was trained with", changed)


def compare(
    expected: dict[str, Any], actual: dict[str, Any], whose: str, changed: Sequence[str] = ()
) -> None:
    """Refuse one front end in place of another.

    Args:
        expected: as `FrontEnd.in_effect` gives it.
        actual: the other one.
        whose: what the expected one belongs to, for the message.
        changed: keys whose values may differ; each one that does is warned of.

    Raises:
        UserError: another key differs.
    """
    differences = {
        name: f"{name}={expected[name]!r}, now it is {actual[name]!r}"
        for name in actual
        if name in expected and expected[name] != actual[name]
    }
    refused = {name: text for name, text in differences.items() if name not in changed}
    if refused:
        raise UserError(
            f"{whose} another front end:{listed(list(refused.values()))}\n"
            "The network would hear something else than what it has learned. Use the same "
            f"data_layer_params, or, if this is meant, --changed_front_end={list(refused)}"
        )
    for text in differences.values():
        logger.warning(f"changed_front_end: {whose} {text}")


def _front_end_of(info: RunInfo) -> dict[str, Any] | None:
    """Return the front end in effect; earlier checkpoints have what was given of it, or nothing."""
    if info.front_end is not None or info.architecture is None:
        return info.front_end
    try:
        return FrontEnd(**info.architecture["data_layer_params"]).in_effect()
    except (KeyError, TypeError, pydantic.ValidationError):
        return None  # of another version; whoever builds the network says so
