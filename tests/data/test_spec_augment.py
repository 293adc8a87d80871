"""SpecAugment: what is covered, and how it is drawn."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.data.spec_augment import SpecAugment, cover, draw_rectangles

SHAPE = (128, 64)
RECIPE = SpecAugment(time_masks=2, freq_masks=2, cutouts=5)
N_ROWS = 5000


def rectangles(params, seed=0, epoch=0, n_rows=N_ROWS):
    return draw_rectangles(params, n_rows, SHAPE, seed=seed, epoch=epoch).astype(int)


def test_covers_the_rectangles_and_nothing_else():
    drawn = rectangles(RECIPE, n_rows=20)
    images = np.random.default_rng(0).uniform(1, 2, (20, *SHAPE)).astype(np.float32)
    expected = images.copy()
    for image, row in zip(expected, drawn, strict=True):
        for first_frame, last_frame, first_feature, last_feature in row:
            image[first_frame:last_frame, first_feature:last_feature] = -7.0
    covered = cover(tf.constant(images), tf.constant(drawn.astype(np.int16)), -7.0).numpy()
    np.testing.assert_array_equal(covered, expected)


def test_time_masks_cover_all_features_freq_masks_all_frames_and_cutouts_neither():
    drawn = rectangles(RECIPE)
    time, freq, cut = drawn[:, :2], drawn[:, 2:4], drawn[:, 4:]
    assert (time[..., 2] == 0).all() and (time[..., 3] == 64).all()
    assert (freq[..., 0] == 0).all() and (freq[..., 1] == 128).all()
    assert (cut[..., 1] - cut[..., 0]).max() == 25 and (cut[..., 3] - cut[..., 2]).max() == 15
    assert drawn.min() == 0 and drawn[..., 1].max() <= 128 and drawn[..., 3].max() <= 64


@pytest.mark.parametrize(
    ("params", "side", "width", "size"),
    [
        (SpecAugment(time_masks=1), 0, 25, 128),
        (SpecAugment(freq_masks=1), 2, 15, 64),
        (SpecAugment(cutouts=1, cutout_time=10), 0, 10, 128),
        (SpecAugment(cutouts=1, cutout_freq=7), 2, 7, 64),
    ],
)
def test_widths_and_positions_are_uniform(params, side, width, size):
    first, last = rectangles(params)[:, 0, side : side + 2].T
    assert scipy.stats.chisquare(np.bincount(last - first, minlength=width + 1)).pvalue > 1e-4
    assert scipy.stats.chisquare(np.bincount(first, minlength=size - width + 1)).pvalue > 1e-4


def test_a_mask_wider_than_the_image_covers_at_most_all_of_it():
    drawn = rectangles(SpecAugment(time_masks=1, time_mask_width=500))
    assert (drawn[:, 0, 0] == 0).all() and drawn[:, 0, 1].max() == 128


def test_rectangles_follow_from_seed_epoch_and_row():
    np.testing.assert_array_equal(rectangles(RECIPE, 1, 2), rectangles(RECIPE, 1, 2))
    for other in (rectangles(RECIPE, 1, 3), rectangles(RECIPE, 2, 2)):
        assert np.mean(rectangles(RECIPE, 1, 2)[:, :2, :2] == other[:, :2, :2]) < 0.1


def open_layer(manifest, *, training=True, **params):
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)],
        augment_data=True,
        pitch_shift=0.0,
        time_stretch=0.0,
        noise_level_max=None,
        **params,
    )
    return layer.open(training=training, seed=0)


def image_of(dataset, epoch=0):
    ((batch,),) = dataset.batches(Sampler(len(dataset), len(dataset)).in_order(), epoch)
    return batch.features.numpy()


@pytest.mark.parametrize("cache_data", [False, "images"])
def test_each_epoch_of_training_covers_other_parts_and_evaluation_covers_none(
    write_manifest, tone, cache_data
):
    manifest = write_manifest([0], [tone(1000.0)])
    whole = {"audio_length": 129}  # nothing to slice at random
    plain = image_of(open_layer(manifest, **whole))
    masks = whole | {"time_masks": 1, "freq_masks": 1, "mask_value": 99.0, "cache_data": cache_data}
    dataset = open_layer(manifest, **masks)
    first, second = image_of(dataset, 0), image_of(dataset, 1)
    assert (
        (first == 99.0).any()
        and (second == 99.0).any()
        and ((first == 99.0) != (second == 99.0)).any()
    )
    for image in (first, second):
        np.testing.assert_array_equal(image[image != 99.0], plain[image != 99.0])
    np.testing.assert_array_equal(image_of(open_layer(manifest, training=False, **masks)), plain)


def test_what_is_covered_looks_like_silence_by_default(write_manifest, tone):
    manifest = write_manifest([0], [tone(1000.0)])
    covered, plain = (image_of(open_layer(manifest, audio_length=129, cutouts=n)) for n in (5, 0))
    assert set(covered[covered != plain]) == {np.float32(np.log(1e-5))}


@pytest.mark.parametrize("augmentation", ["spectral", "librosa"])
def test_a_shift_in_time_moves_the_sound_and_nothing_else(write_manifest, augmentation):
    click = np.zeros(16000)
    click[8000] = 0.9
    manifest = write_manifest([0] * 40, [click] * 40)
    params = {
        "time_shift_ms": 100.0,
        "hop_length": 100,
        "n_fft": 200,
        "audio_length": 161,
        "augmentation": augmentation,
    }
    dataset = open_layer(manifest, **params)
    shifts = image_of(dataset)[:, :, 64].argmax(axis=1) * 100 - 8000  # samples
    drawn = dataset.draws(0).shift
    assert np.abs(shifts - drawn).max() <= 100  # a frame
    assert drawn.min() < -1000 and drawn.max() > 1000 and np.abs(drawn).max() <= 1600
