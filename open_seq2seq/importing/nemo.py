"""Import of NeMo's MatchboxNet archives as a config, a labels file and a checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from open_seq2seq.config import load_config
from open_seq2seq.data.manifests import read_labels, write_labels
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.errors import UserError
from open_seq2seq.importing.checkpoint import assign, network_of, save
from open_seq2seq.importing.nemo_archive import read_archive
from open_seq2seq.importing.nemo_config import write_config
from open_seq2seq.importing.nemo_model import LabelOrder, NemoModel, describe
from open_seq2seq.importing.nemo_weights import convert_weights
from open_seq2seq.system.files import is_vacant, written_aside

logger = logging.getLogger(__name__)

_OUTPUT = FullyConnectedDecoder.output_layer


def import_archive(
    path: Path,
    output_dir: Path,
    *,
    label_order: LabelOrder = "sorted",
    labels_file: Path | None = None,
) -> None:
    """Write ``config.py``, ``labels.txt`` and ``checkpoints/`` for a ``.nemo`` archive.

    Args:
        path: the archive.
        output_dir: a new or an empty folder.
        label_order: order of the network's outputs: labels "sorted" by name, as NeMo trains
            whatever the archive lists, or in the order of the archive's "config".
        labels_file: the same labels in the order of the user's manifests; the outputs are
            reordered to match it.

    Raises:
        UserError: the archive cannot be imported, or the folder is not empty or cannot be written.
            Nothing is written then.
    """
    _check_output(output_dir)
    archive = read_archive(path)
    model = describe(archive.config, str(path), label_order)
    arrays = convert_weights(
        archive.weights,
        model.encoder_params["convnet_layers"],
        model.data_layer_params["num_audio_features"],
        len(model.labels),
        str(path),
    )
    if labels_file is not None:
        model, arrays = _reorder(model, arrays, read_labels(labels_file), labels_file)
    try:
        _write(path, output_dir, model, arrays)
    except OSError as error:
        raise UserError(f"{output_dir}: cannot write there ({error.strerror})") from None
    for note in model.notes:
        logger.info(note)
    logger.info(
        f"{path}: {len(arrays)} variables and {len(model.labels)} labels imported into {output_dir}"
    )


def _check_output(folder: Path) -> None:
    if not is_vacant(folder):
        raise UserError(f"--output_dir: {folder} is not an empty folder; name a new one")


def _reorder(
    model: NemoModel, arrays: dict[str, np.ndarray], labels: tuple[str, ...], labels_file: Path
) -> tuple[NemoModel, dict[str, np.ndarray]]:
    """Reorder the decoder's outputs to match ``labels``."""
    if sorted(labels) != sorted(model.labels):
        raise UserError(
            f"--labels_file: {labels_file} has the labels {' '.join(labels)}, "
            f"expected those of the archive in any order: {' '.join(model.labels)}"
        )
    order = [model.labels.index(label) for label in labels]
    reordered = {
        f"{_OUTPUT}/{ending}": arrays[f"{_OUTPUT}/{ending}"][..., order]
        for ending in ("kernel", "bias")
    }
    return model._replace(labels=labels), arrays | reordered


def _write(path: Path, output_dir: Path, model: NemoModel, arrays: dict[str, np.ndarray]) -> None:
    """Write config, labels and checkpoint, so that the folder is complete or absent."""
    target = output_dir.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(target) as folder:
        folder.mkdir()
        config_file = folder / "config.py"
        config_file.write_text(write_config(model, path.name), encoding="utf-8")
        write_labels(folder / "labels.txt", model.labels)
        try:
            config = load_config(str(config_file), "infer", {})
        except UserError as error:
            raise UserError(f"{path}: the config written for it is not valid; {error}") from None
        network = network_of(config, len(model.labels))
        assign(network, arrays, str(path))
        save(folder, network, model.labels, config, step=0, imported_from=f"NeMo, {path.name}")
