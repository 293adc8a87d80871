"""Configuration-driven training of speech-command models on TensorFlow, Keras and Horovod."""

from typing import TYPE_CHECKING, Any

from open_seq2seq import lazy  # noqa: F401 (it sets the environment, before anything imports TensorFlow)

if TYPE_CHECKING:
    from open_seq2seq.pretrained import PretrainedModel

__version__ = "0.1.0"


def from_pretrained(
    path_or_name: Any, config_file: "str | None" = None, *, download: bool = False
) -> "PretrainedModel":
    """Load a trained model; see `open_seq2seq.pretrained`.

    ``from_pretrained("result/demo").predict(["clip.wav"])`` labels a clip.
    """
    from open_seq2seq import pretrained  # TensorFlow is needed only now

    return pretrained.from_pretrained(path_or_name, config_file, download=download)
