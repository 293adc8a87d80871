from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.augment import Augmentation
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


def test_front_end_takes_every_parameter():
    params = {
        "sample_rate": 8000,
        "n_fft": 512,
        "win_length": 400,
        "hop_length": 80,
        "fmin": 20.0,
        "fmax": 3800.0,
        "audio_length": 98,
        "pad_value": 0.0,
    }
    front_end = SpeechCommandsDataLayer(num_audio_features=40, **params).front_end(
        training=False, seed=9
    )
    assert front_end.n_mels == 40 and front_end.seed == 9
    assert {name: getattr(front_end, name) for name in params} == params


def test_defaults_are_those_of_the_design():
    front_end = SpeechCommandsDataLayer().front_end(training=False, seed=0)
    assert front_end.win_length == front_end.n_fft == 1024
    assert (front_end.audio_length, front_end.n_mels, front_end.hop_length) == (128, 128, 125)
    assert front_end.pad_value == pytest.approx(np.log(1e-5))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("augment_data", [False, True])
def test_only_training_augments_and_only_if_asked(training, augment_data):
    layer = SpeechCommandsDataLayer(
        augment_data=augment_data, pitch_shift=1.0, noise_level_min=-80.0
    )
    expected = (
        Augmentation(1.0, 0.2, (-80.0, -46.0)) if training and augment_data else Augmentation()
    )
    assert layer.front_end(training=training, seed=0).augmentation == expected


def test_labels_stand_beside_the_first_manifest(tmp_path):
    (tmp_path / "v2-12-labels.txt").write_text("yes\nno\n")
    (tmp_path / "other.txt").write_text("up\ndown\nleft\n")
    for name in ("v2-12-train.csv", "v2-12-val.csv", "v2-12-test.csv", "v2-12.csv"):
        layer = SpeechCommandsDataLayer(
            dataset_files=[str(tmp_path / name), "elsewhere/v1-val.csv"], num_labels=2
        )
        assert layer.read_labels() == ("yes", "no")
    layer = SpeechCommandsDataLayer(
        dataset_files=["a-train.csv"], labels_file=str(tmp_path / "other.txt")
    )
    assert layer.read_labels() == ("up", "down", "left")
    with pytest.raises(UserError, match=r"num_labels: 12, but .*other.txt has 3 labels"):
        SpeechCommandsDataLayer(
            labels_file=str(tmp_path / "other.txt"), num_labels=12
        ).read_labels()


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
    with pytest.raises(UserError, match=r"absent.wav: no such audio file"):
        SpeechCommandsDataLayer().open_clips([str(tmp_path / "absent.wav")], ("yes",))


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


def test_clips_without_labels_are_opened_in_order(tone_dataset):
    paths = [str(tone_dataset / word / "test00.wav") for word in ("no", "yes", "no")]
    dataset = SpeechCommandsDataLayer(augment_data=True).open_clips(paths, ("yes", "no"))
    assert list(dataset.paths) == paths
    assert (
        dataset.options.front_end.augmentation == Augmentation() and not dataset.options.random_crop
    )
