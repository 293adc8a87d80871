"""From names of variables in OpenSeq2Seq's TensorFlow 1 checkpoints to names of this toolkit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import ResNetEncoder, TDNNEncoder

# prefix of an encoder's variables here; in OpenSeq2Seq the user chooses the scope's name
ENCODER_PREFIXES = {ResNetEncoder: "resnet_encoder", TDNNEncoder: "tdnn_encoder"}
DECODER_PREFIX = FullyConnectedDecoder.output_layer.partition(".")[0]

_MODEL_SCOPE = "ForwardPass/"
# mixed precision trains float32 copies of the float16 variables
_MASTER_SCOPE = re.compile(r"(?:.*/)?FP32-master-copy(?:_\d+)?/(?=ForwardPass/)")
# optimizer and loss scale; the variables of OpenSeq2Seq's loss scale have default names
_OPTIMIZER = re.compile(
    r"Loss_Optimization(?:_\d+)?/.*"
    r"|(?:.*/)?(?:global_step|beta\d_power|loss_scale)"
    r"|Variable(?:_\d+)?"
)


class Names(NamedTuple):
    """The names of a checkpoint's variables, without those of the optimizer.

    Attributes:
        model: from the name in the graph, "ForwardPass/...", to the name in the checkpoint, which
            is that of the float32 copy if there is one.
        unknown: names of neither the model nor the optimizer.
    """

    model: dict[str, str]
    unknown: list[str]


def sort_names(names: Iterable[str]) -> Names:
    """Separate the model's variables from those of the optimizer.

    A name that extends another variable's name, such as ``.../kernel/Momentum``, is an optimizer's
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
    """Return this toolkit's name of a variable, or None if ``name`` is not scope/layer/variable.

    ``ForwardPass/w2l_encoder/conv23/res_bn/gamma`` is ``tdnn_encoder.conv23.res_bn/gamma``.
    """
    scope, *layers = name.removeprefix(_MODEL_SCOPE).split("/")
    if len(layers) < 2:
        return None
    prefix = DECODER_PREFIX if "decoder" in scope else encoder_prefix
    return ".".join([prefix, *layers[:-1]]) + "/" + layers[-1]
