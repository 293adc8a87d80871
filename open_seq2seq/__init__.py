"""Configuration-driven training of speech-command models on TensorFlow, Keras and Horovod."""

from typing import TYPE_CHECKING, Any

from open_seq2seq import lazy  # noqa: F401 (it sets the environment, before anything imports TensorFlow)

if TYPE_CHECKING:
    from open_seq2seq.pretrained import PretrainedModel

__version__ = "0.1.0"


def export(model: Any, **params: Any) -> Any:
    """Write a trained model as files for other runtimes; see `open_seq2seq.exporting`.

    ``open_seq2seq.export("result/demo", export_dir="exported", export_format=["tflite"])``

    Args:
        model: a logdir, a name in a registry, or what `from_pretrained` returns.
        params: of `config.export_params.ExportParams`.

    Returns:
        `exporting.Report`.
    """
    from open_seq2seq.exporting.export import export_named

    return export_named(model, params)


def from_pretrained(
    path_or_name: Any, config_file: "str | None" = None, *, download: bool = False
) -> "PretrainedModel":
    """Load a trained model; see `open_seq2seq.pretrained`.

    ``from_pretrained("result/demo").predict(["clip.wav"])`` labels a clip.
    """
    from open_seq2seq import pretrained  # TensorFlow is needed only now

    return pretrained.from_pretrained(path_or_name, config_file, download=download)
