"""``--mode=show_data``: a run's data as pictures, and as a page in which clips can be played."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.errors import counted
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.datasets import evaluated_sections, open_datasets
from open_seq2seq.reports.data_page import page_of
from open_seq2seq.reports.odd_clips import OddClip
from open_seq2seq.reports.shown_data import ShownClip, Survey, choose_rows, show_clip, survey
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.system.files import write_text
from open_seq2seq.system.new_folder import new_folder
from open_seq2seq.system.paths import NAME_ERRORS
from open_seq2seq.system.terminal import console, progress_bar

PAGE, ODD = "data.html", "odd_clips.csv"

logger = logging.getLogger(__name__)


def show_data(config: Config, options: RunOptions, reporter: Reporter) -> int:
    """Look at all clips, draw some, and return the exit status."""
    params = options.show
    # what is kept of another run would be shown in place of what is drawn here
    layers = {
        name: layer.model_copy(update={"cache_data": False})
        for name, layer in config.data_layers.items()
    }
    config = config._replace(data_layers=layers)
    datasets = open_datasets(config, ["train", *evaluated_sections(config)])
    training = datasets["train"]
    rows = choose_rows(training, options.clips, params.num_shown, config.params.random_seed)
    with new_folder(Path(params.show_dir), "show_dir") as folder:
        with progress_bar(console()) as progress:
            task = progress.add_task("clips", total=None)
            everything = survey(
                datasets, lambda done, of: progress.update(task, completed=done, total=of)
            )
        clips = [show_clip(training, row) for row in rows]
        name = config.params.dataset_version
        page = page_of(name, clips, everything, training.params)
        write_text(folder / PAGE, page, "backslashreplace")
        table = pd.DataFrame(everything.odd, columns=OddClip._fields)
        table.to_csv(folder / ODD, index=False, lineterminator="\n", errors=NAME_ERRORS)
        _draw(folder, clips, everything, training)
    for kind, n in table["kind"].value_counts().items():
        logger.info(f"{kind}: {counted(int(n), 'clip')}")
    logger.info(f"page: {(Path(params.show_dir) / PAGE).resolve()}")
    return 0


def _draw(folder: Path, clips: list[ShownClip], everything: Survey, data: Dataset) -> None:
    if find_spec("matplotlib") is None:
        logger.info('PNG files need matplotlib: pip install "open-seq2seq-speech-commands[plots]"')
        return
    from open_seq2seq.reports import figures

    p = data.params
    for index, clip in enumerate(clips):
        picture = figures.draw_clip(clip, p.sample_rate, p.hop_length)
        figures.save(picture, folder / f"clip-{index:02}.png")
    figures.save(figures.draw_counts(everything), folder / "labels.png")
    figures.save(figures.draw_histograms(everything), folder / "histograms.png")
