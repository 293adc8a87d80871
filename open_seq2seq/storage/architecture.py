"""Architecture of a network as plain data: a checkpoint can be used without its config file.

Only classes of this package are named, so reading one never runs code from elsewhere.
"""

from __future__ import annotations

from typing import Any

import pydantic
from pydantic_core import PydanticSerializationError

from open_seq2seq import decoders, encoders
from open_seq2seq.components import Decoder, Encoder, Params
from open_seq2seq.config import Config
from open_seq2seq.config.problems import find_problems
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError
from open_seq2seq.storage.progress import RunInfo

Architecture = dict[str, Any]


def describe(
    encoder: Encoder, decoder: Decoder, data_layer: SpeechCommandsDataLayer
) -> Architecture | None:
    """Describe a network and its front end in JSON's types; None where a part is the user's own."""
    for package, part in ((encoders, encoder), (decoders, decoder)):
        if getattr(package, type(part).__name__, None) is not type(part):
            return None
    try:
        return {
            "encoder": type(encoder).__name__,
            "encoder_params": encoder.model_dump(mode="json", exclude_unset=True),
            "decoder": type(decoder).__name__,
            "decoder_params": decoder.model_dump(mode="json", exclude_unset=True),
            "data_layer_params": data_layer.front_end_parameters(),
        }
    except PydanticSerializationError:  # an activation that is a function
        return None


def run_info(
    config: Config,
    section: str,
    labels: tuple[str, ...],
    imported_from: str | None = None,
    classes: tuple[str, ...] = (),
) -> RunInfo:
    """Return what a checkpoint says of its run: labels, data, network and front end.

    Args:
        config: of the run.
        section: whose data layer says what the network was trained on.
        labels: in the order of the network's outputs.
        imported_from: toolkit and file, if the weights come from elsewhere.
        classes: words of unknown that are outputs too, after the labels.
    """
    data_layer = config.data_layers[section]
    return RunInfo(
        labels=labels,
        classes=classes,
        dataset_version=config.params.dataset_version,
        architecture=describe(config.encoder, config.decoder, data_layer),
        front_end=data_layer.in_effect(),
        manifests={
            name: layer.manifest_paths()
            for name, layer in config.data_layers.items()
            if layer.manifest_paths()
        },
        imported_from=imported_from,
    )


def read(
    architecture: Architecture | None, source: str
) -> tuple[Encoder, Decoder, SpeechCommandsDataLayer]:
    """Return the parts that an architecture describes.

    Raises:
        UserError: there is none, or it is of another version of this package.
    """
    if architecture is None:
        raise UserError(
            f"{source}: its network has parts of its own; name the config that it was trained with"
        )
    try:
        encoder = _part(
            encoders, Encoder, architecture["encoder"], architecture["encoder_params"], source
        )
        decoder = _part(
            decoders, Decoder, architecture["decoder"], architecture["decoder_params"], source
        )
        layer = SpeechCommandsDataLayer(**architecture["data_layer_params"])
        # the front end alone: a checkpoint from elsewhere must not name files of this machine
        return encoder, decoder, SpeechCommandsDataLayer(**layer.front_end_parameters())
    except (KeyError, TypeError, pydantic.ValidationError) as error:
        raise UserError(
            f"{source}: cannot be built by this version of open_seq2seq ({error})"
        ) from None


def _part(package: Any, base: type[Params], name: str, params: dict[str, Any], source: str) -> Any:
    cls = getattr(package, name, None) if name in package.__all__ else None
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise UserError(f"{source}: this version of open_seq2seq has no {name}")
    problems = find_problems(cls, params, name)
    if problems:
        raise UserError(
            f"{source}: cannot be built by this version of open_seq2seq: {'; '.join(problems)}"
        )
    return cls(**params)
