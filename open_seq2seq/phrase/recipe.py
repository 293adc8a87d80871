"""The config that a detector is trained with: ordinary classes and sources, to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.errors import UserError
from open_seq2seq.phrase.amounts import Amounts
from open_seq2seq.system.files import write_text

CONFIG = "config.py"
FRAME_S = 0.02
BATCH_SIZE = 128
# kernel sizes of the network's depthwise convolutions, the fourth with dilation 2
_KERNELS = (5, 5, 7, 9)
FIELD = 1 + 4 + 4 + 6 + 2 * 8
DELAY_S = (FIELD - 1) // 2 * FRAME_S  # that the network looks ahead

_INDENT, _WIDTH = 16 * " ", 100  # of the sources in it

_TEXT = '''\
"""A detector of {phrases}.

    open-seq2seq --config_file=config.py --mode=train_eval --logdir=ANOTHER_FOLDER

Made by open-seq2seq-phrase. The network is that of speech_commands/detector_micro with a shorter
field: it looks {delay_s:.2f} s ahead. Change whatever you like; the data is in data/,
{speech_folders}.
"""

from pathlib import Path

from example_configs.speech_commands import detector_micro as recipe
from open_seq2seq.config import nested_update

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"

POOLED_FRAMES = {pooled_frames}  # of 20 ms; a window of {window_s:g} s, which holds a whole phrase
RESIDUAL = {{"num_channels": 48, "separable": True, "residual": True}}
LAYERS = [
    {{"kernel_size": [{k[0]}], "num_channels": 48, "separable": True}},
    {{"kernel_size": [{k[1]}], **RESIDUAL}},
    {{"kernel_size": [{k[2]}], **RESIDUAL}},
    {{"kernel_size": [{k[3]}], "num_channels": 80, "separable": True, "dilation": [2]}},
    {{"kernel_size": [1], "num_channels": 80}},
]
FIELD = {field}  # frames that one output of the encoder depends on

base_model = recipe.base_model

base_params = nested_update(
    recipe.base_params,
    {{
        "dataset_version": "keywords",
        "dataset_location": str(DATA),
        "logdir": str(HERE / "result"),
        "random_seed": {seed},
        "num_epochs": {n_epochs},
        "eval_steps": {eval_steps},
        "batch_size_per_gpu": {batch_size},
        "save_checkpoint_steps": {eval_steps},
        "encoder_params": {{"convnet_layers": LAYERS}},
        "decoder_params": {{"pooled_frames": POOLED_FRAMES}},
        # the model that finds most phrases in tracks, at so few false accepts
        "best_metric": "false_accepts",
        "validation_tracks_params": {{
            "tracks": [{validation_tracks}],
            "method": "incremental",
            "window_s": {window_s:.1f},
            "false_accepts_per_hour": 2.0,
        }},
        "data_layer_params": {{"audio_length": POOLED_FRAMES + FIELD - 1}},
    }},
)

train_params = nested_update(
    recipe.train_params,
    {{
        "data_layer_params": {{
            "rows_per_epoch": {rows_per_epoch},
            "dataset_files": [str(DATA / "phrase-train.csv")],
            "sources": [
{sources}
            ],
            # each word that sounds nearly like a phrase is a class of its own: telling such words
            # apart teaches a network sounds; against all else alone it learns nothing for long
            "merge_unknown": True,
            # where a phrase stands: whole and anywhere in the window, or cut and then none
            "context_prob": 1.0,
            "context_window_ms": {window_ms:.1f},
            "context_cut_prob": 0.15,
            "context_clips_prob": 0.5,
            # voices: other pitches and speeds
            "pitch_shift": 3.0,
            "time_stretch": 0.2,
            # rooms, noise and microphones
            "room_responses": str(DATA / "rooms"),
            "room_prob": 0.5,
            "background_noise": str(DATA / "noise"),
            "background_speech": str(HERE / "{talk}"),
            "background_noise_prob": 0.5,
            "background_snr_db_min": 5.0,
            "background_snr_db_max": 30.0,
            "gain_db_min": -10.0,
            "gain_db_max": 6.0,
            "clip_prob": 0.05,
            "noise_level_min": -90.0,
            "noise_level_max": -65.0,
            "noise_colour_max": 2.0,
            "eq_db": 6.0,
        }},
    }},
)
eval_params = recipe.eval_params
test_params = recipe.test_params
infer_params = recipe.infer_params
'''


class Source(NamedTuple):
    """A source of training clips beside those of the phrases, by its path from the folder."""

    path: str
    weight: float
    is_running_speech: bool = False
    own_classes: bool = True  # whether its words are classes of their own in training

    def lines(self) -> str:
        """Return the entry of the config's list, as a formatter of code leaves it."""
        path = f'str(HERE / "{self.path}")'
        entries = [
            f'"recordings": {path}' if self.is_running_speech else f'"dataset_files": [{path}]',
            f'"weight": {self.weight:g}',
        ]
        if not self.own_classes:
            entries.append('"own_classes": False')
        line = f"{_INDENT}{{{', '.join(entries)}}},"
        if len(line) <= _WIDTH:
            return line
        inside = "".join(f"{_INDENT}    {entry},\n" for entry in entries)
        return f"{_INDENT}{{\n{inside}{_INDENT}}},"


def write_config(
    folder: Path,
    phrases: Sequence[str],
    sources: Sequence[Source],
    amounts: Amounts,
    *,
    window_s: float,
    validation_tracks: Mapping[str, str],
    seed: int,
) -> None:
    """Write the config of a detector.

    Args:
        folder: of the detector.
        phrases: the labels.
        sources: of training clips beside the phrases; the last running speech talks behind words.
        amounts: length of the training.
        window_s: seconds that are pooled.
        validation_tracks: names of corpora, and their paths from ``folder``.
        seed: of the run.

    Raises:
        UserError: it cannot be written.
    """
    n_steps = amounts.rows_per_epoch // BATCH_SIZE * amounts.n_epochs
    text = _TEXT.format(
        phrases=" and ".join(f"'{phrase}'" for phrase in phrases),
        delay_s=DELAY_S,
        speech_folders="running speech in speech/ or negatives/, tracks in tracks/",
        pooled_frames=round(window_s / FRAME_S) + 1,
        window_s=window_s,
        window_ms=1000 * window_s,
        k=_KERNELS,
        field=FIELD,
        seed=seed,
        n_epochs=amounts.n_epochs,
        eval_steps=max(1, n_steps // amounts.n_evaluations),
        batch_size=BATCH_SIZE,
        validation_tracks=", ".join(
            f'f"{name}={{HERE}}/{path}"' for name, path in validation_tracks.items()
        ),
        rows_per_epoch=amounts.rows_per_epoch,
        talk=next(source.path for source in reversed(sources) if source.is_running_speech),
        sources="\n".join(source.lines() for source in sources),
    )
    path = folder / CONFIG
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(
            f"output_dir: cannot write {path} ({error.strerror or error}); name a folder on a "
            "writable disk"
        ) from None
