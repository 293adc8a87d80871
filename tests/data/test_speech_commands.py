from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"win_length": 2000}, "win_length 2000 is longer than n_fft 1024"),
        ({"fmax": 9000.0}, "fmax must lie between fmin 0.0 and 8000.0 Hz, got 9000.0"),
        (
            {"fmin": 500.0, "fmax": 400.0},
            "fmax must lie between fmin 500.0 and 8000.0 Hz, got 400.0",
        ),
        ({"sample_rate": 8000, "fmax": 6000.0}, "and 4000.0 Hz"),
        ({"noise_level_min": -40.0}, "noise_level_min -40.0 is above noise_level_max -46.0"),
        ({"time_stretch": 1.0}, "less than 0.9"),
        ({"cache_data": "everything"}, "'waveforms' or 'images'"),
        ({"n_fft": 401}, "multiple of 2"),
        ({"hop_lenght": 100}, "hop_lenght"),
    ],
)
def test_parameters_that_contradict_each_other(params, message):
    with pytest.raises(ValidationError, match=message):
        SpeechCommandsDataLayer(**params)


def test_fmin_above_half_the_rate():
    with pytest.raises(ValidationError, match="fmin"):
        SpeechCommandsDataLayer(fmin=9000.0)


def test_defaults_are_those_of_the_design():
    layer = SpeechCommandsDataLayer()
    assert layer.window_length == layer.n_fft == 1024
    assert (layer.image_shape, layer.n_mels, layer.hop_length) == ((128, 128), 128, 125)
    assert layer.fill_value == pytest.approx(np.log(1e-5))


def test_a_checkpoint_keeps_what_was_given_of_the_front_end():
    """Its keys are those of checkpoints of before."""
    front_end = {
        "features": "mfcc",
        "num_audio_features": 20,
        "num_mels": 40,
        "audio_length": 98,
        "sample_rate": 8000,
        "n_fft": 512,
        "win_length": 400,
        "hop_length": 80,
        "fmin": 20.0,
        "fmax": 3800.0,
        "frame_padding": "reflect",
        "pad_value": -1.0,
        "pad_side": "end",
    }
    others = {"dataset_files": ["a.csv"], "augment_data": True, "cache_dir": "x", "time_masks": 1}
    layer = SpeechCommandsDataLayer(**front_end, **others)
    assert layer.front_end_parameters() == front_end
    little = SpeechCommandsDataLayer(n_fft=512, **others).front_end_parameters()
    assert little == {"n_fft": 512}


def test_without_augmentation_all_else_is_as_it_was():
    on = {"augment_data": True, "augment_prob": 0.5, "time_shift_ms": 9.0, "mixup_alpha": 0.3}
    on |= {"background_noise": "x", "time_masks": 1, "freq_masks": 2, "cutouts": 3}
    on |= {"context_prob": 0.5, "context_shift_ms": 9.0, "context_gap_ms": 9.0}
    others = {"n_fft": 512, "augmentation": "librosa", "cache_data": "images", "pad_value": 1.0}
    layer = SpeechCommandsDataLayer(**on, **others).without_augmentation()
    off = {"pitch_shift": 0.0, "time_stretch": 0.0, "noise_level_max": None}
    # clips stay in context, in the middle and alone
    off |= {"context_prob": 1.0, "context_shift_ms": 0.0, "context_clips_prob": 0.0}
    assert layer == SpeechCommandsDataLayer(**off, **others, context_gap_ms=9.0)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("augment_data", [False, True])
def test_only_training_augments_and_only_if_asked(training, augment_data, tone_dataset):
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(tone_dataset / "v2-12-val.csv")],
        augment_data=augment_data,
        pitch_shift=1.0,
        noise_level_min=-80.0,
    )
    dataset = layer.open(training=training, seed=0)
    draws = dataset.draws(epoch=0)
    is_augmented = training and augment_data
    assert (draws.stretch != 1.0).any() == draws.noise_gain.any() == is_augmented
    if is_augmented:
        assert dataset.params == layer
        noise_db = 20 * np.log10(draws.noise_gain)
        assert noise_db.min() > -80.001 and noise_db.max() < -45.999
        assert np.abs(draws.pitch - 8).max() <= 8 and np.ptp(draws.pitch) > 8  # eighths
    else:
        assert dataset.params == layer.without_augmentation()
    # long clips are sliced at random in training only
    assert (draws.crop != 0.5).any() == training


def test_what_is_not_there_is_named(tmp_path, tone_dataset):
    with pytest.raises(UserError, match="neither dataset_files nor labels_file is given"):
        SpeechCommandsDataLayer().read_labels()
    with pytest.raises(UserError, match="expected at least one manifest, got none"):
        SpeechCommandsDataLayer(labels_file=str(tone_dataset / "v2-12-labels.txt")).open(
            training=True, seed=0
        )
    with pytest.raises(UserError, match=r"v2-12-valid.csv: no such manifest"):
        SpeechCommandsDataLayer(
            dataset_files=[str(tone_dataset / "v2-12-valid.csv")],
            labels_file=str(tone_dataset / "v2-12-labels.txt"),
        ).open(training=True, seed=0)


def test_open_reads_manifests_and_labels(tone_dataset):
    files = [str(tone_dataset / f"v2-12-{split}.csv") for split in ("train", "val")]
    dataset = SpeechCommandsDataLayer(
        dataset_files=files, num_audio_features=40, audio_length=98
    ).open(training=True, seed=0)
    assert len(dataset) == 12 * (12 + 4)
    assert dataset.labels[:2] == ("yes", "no") and len(dataset.labels) == 12
    assert dataset.shape == (98, 40)
    assert dataset.paths[0] == str(tone_dataset / "yes" / "train00.wav")
    assert dataset.paths[-1] == str(tone_dataset / "silence" / "val03.wav")
    assert not dataset.skipped and not dataset.converted
