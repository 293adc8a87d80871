"""The datasets of a run's sections, opened before anything is written."""

from __future__ import annotations

import itertools
import logging

from open_seq2seq.config import Config
from open_seq2seq.data import notices
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.errors import UserError, counted
from open_seq2seq.evaluation import SPLIT_OF_SECTION
from open_seq2seq.storage.compatibility import compare

logger = logging.getLogger(__name__)


def evaluated_sections(config: Config) -> list[str]:
    """Return the sections that are evaluated on: those that the config has."""
    return [section for section in SPLIT_OF_SECTION if section in config.data_layers]


def open_datasets(config: Config, sections: list[str]) -> dict[str, Dataset]:
    """Open the datasets of some sections, before anything is written.

    Raises:
        UserError: one cannot be used, or they do not have the same labels.
    """
    datasets: dict[str, Dataset] = {}
    for section in sections:
        layer = config.data_layers[section]
        dataset = layer.open(training=section == "train", seed=config.params.random_seed)
        _log_clips(dataset, section)
        datasets[section] = dataset
        first = sections[0]
        if dataset.labels != datasets[first].labels:
            raise UserError(
                f"{section}_params: its labels are not those of {first}_params; use one labels file"
            )
        compare(
            config.data_layers[first].in_effect(),
            layer.in_effect(),
            f"{section}_params: {first}_params has",
            config.params.changed_front_end,
        )
    # mostly one front end for all
    of_all = (notices.warnings_of_front_end(dataset.params) for dataset in datasets.values())
    for line in dict.fromkeys(itertools.chain(*of_all)):
        logger.warning(line)
    return datasets


def _log_clips(dataset: Dataset, section: str) -> None:
    what = f"{counted(len(dataset), 'clip')}, {counted(len(dataset.labels), 'label')}"
    if dataset.classes:
        what += f", {counted(len(dataset.classes), 'word')} of unknown as classes of their own"
    logger.info(f"{section}: {what}")
    for line in notices.shares_of(dataset):
        logger.info(f"{section}: {line}")
    if dataset.converted:
        path, what = next(iter(dataset.converted.items()))
        logger.info(
            f"{section}: {counted(len(dataset.converted), 'file')} converted to 16-bit mono, the "
            f"first from {what}: {path}"
        )
    if dataset.skipped:
        logger.warning(f"{section}: {counted(len(dataset.skipped), 'unusable file')} skipped:")
        for path, reason in dataset.skipped.items():
            logger.warning(f"  {path}: {reason}")
    for line in notices.warnings_of(dataset):
        logger.warning(f"{section}: {line}")
