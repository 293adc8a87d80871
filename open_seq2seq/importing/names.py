"""The names of OpenSeq2Seq's variables in a TensorFlow 1 checkpoint, and what each is called here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import ResNetEncoder, TDNNEncoder

# first part of the names of an encoder's variables here; OpenSeq2Seq's scope may have any name
ENCODER_PREFIXES = {ResNetEncoder: "resnet_encoder", TDNNEncoder: "tdnn_encoder"}
DECODER_PREFIX = FullyConnectedDecoder.output_layer.partition(".")[0]

_MODEL_SCOPE = "ForwardPass/"
# mixed precision keeps float32 copies of the float16 variables; they are what was trained
_MASTER_SCOPE = re.compile(r"(?:.*/)?FP32-master-copy(?:_\d+)?/(?=ForwardPass/)")
# optimizer and loss scale; OpenSeq2Seq leaves the variables of its loss scale without names
_OPTIMIZER = re.compile(
    r"Loss_Optimization(?:_\d+)?/.*|(?:.*/)?(?:global_step|beta\d_power|loss_scale)|Variable(?:_\d+)?"
)


class Names(NamedTuple):
    """The variables of a checkpoint, sorted out."""

    model: dict[
        str, str
    ]  # name in the graph, from "ForwardPass/" on -> name in the checkpoint, the master copy if any
    unknown: list[str]  # neither the model's nor the optimizer's


def sort_names(names: Iterable[str]) -> Names:
    """Tell the model's variables from those of the optimizer.

    A variable below another one's whole name, such as ``.../kernel/Momentum``, is an optimizer's
    slot.
    """
    names = set(names)
    model: dict[str, str] = {}
    masters: dict[str, str] = {}
    unknown = []
    for name in sorted(names):
        if any(parent in names for parent in _parents(name)):
            continue
        if master := _MASTER_SCOPE.match(name):
            masters[name[master.end() :]] = name
        elif name.startswith(_MODEL_SCOPE):
            model[name] = name
        elif not _OPTIMIZER.fullmatch(name):
            unknown.append(name)
    return Names(model | masters, unknown)


def _parents(name: str) -> Iterable[str]:
    parts = name.split("/")
    return ("/".join(parts[:n]) for n in range(1, len(parts)))


def translate(name: str, encoder_prefix: str) -> str | None:
    """Return what a variable of the graph is called here, or None where it has no layer and
    variable in it.

    ``ForwardPass/w2l_encoder/conv23/res_bn/gamma`` is ``tdnn_encoder.conv23.res_bn/gamma``.
    """
    scope, *layers = name.removeprefix(_MODEL_SCOPE).split("/")
    if len(layers) < 2:
        return None
    prefix = DECODER_PREFIX if "decoder" in scope else encoder_prefix
    return ".".join([prefix, *layers[:-1]]) + "/" + layers[-1]
