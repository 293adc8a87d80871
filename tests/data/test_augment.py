from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from open_seq2seq.data import augment
from open_seq2seq.data.augment import (
    NO_AUGMENTATION,
    Augmentation,
    Draws,
    no_draws,
    pitch_grid,
)
from open_seq2seq.data.noise import noise_table

AUGMENTATION = Augmentation(
    pitch_shift=2.0,
    time_stretch=0.2,
    noise_level_min=-90.0,
    noise_level_max=-46.0,
    time_shift_ms=5.0,  # 80 samples
    background_noise="noise",
    background_noise_prob=0.8,
    background_noise_volume=0.1,
)
N_ROWS = 20000
# what this module draws; tests/data/test_acoustics.py has the others
QUANTITIES = (
    *("pitch", "stretch", "noise_gain", "noise_start", "crop", "shift"),
    *("background_gain", "background_start"),
)


def draw(augmentation: Augmentation, n_rows: int, seed: int, epoch: int) -> Draws:
    return augment.draw(augmentation, n_rows, sample_rate=16000, seed=seed, epoch=epoch)


def test_draws_follow_from_seed_epoch_and_row():
    once, again = (draw(AUGMENTATION, 50, seed=3, epoch=4) for _ in range(2))
    for values, same in zip(once, again, strict=True):
        np.testing.assert_array_equal(values, same)


@pytest.mark.parametrize(
    "other", [{"seed": 3, "epoch": 5}, {"seed": 4, "epoch": 4}, {"seed": 4, "epoch": 3}]
)
def test_other_seeds_and_epochs_draw_other_values(other):
    drawn, others = draw(AUGMENTATION, N_ROWS, seed=3, epoch=4), draw(AUGMENTATION, N_ROWS, **other)
    for name in QUANTITIES:
        values, other_values = getattr(drawn, name), getattr(others, name)
        # 1 of 33 pitches, of 161 shifts and of 25 pairs without background may be the same by
        # chance
        assert np.mean(values == other_values) < {
            "pitch": 0.05,
            "shift": 0.01,
            "background_gain": 0.06,
        }.get(name, 0.001), name


def test_rows_and_quantities_are_independent():
    draws = draw(AUGMENTATION, N_ROWS, seed=0, epoch=0)
    drawn = [getattr(draws, name) for name in QUANTITIES]
    correlations = np.corrcoef([*drawn, *(np.roll(values, 1) for values in drawn)]) - np.eye(16)
    assert np.abs(correlations).max() < 5 / np.sqrt(N_ROWS)  # five standard deviations of chance


def test_draws_are_uniform_between_their_bounds():
    drawn = draw(AUGMENTATION, N_ROWS, seed=0, epoch=0)
    uniform = {
        "stretch": (drawn.stretch - 0.8) / 0.4,
        "noise in dB": (20 * np.log10(drawn.noise_gain) + 90) / 44,
        "noise start": drawn.noise_start,
        "crop": drawn.crop,
        "background gain": drawn.background_gain[drawn.background_gain > 0] / 0.1,
        "background start": drawn.background_start,
    }
    for name, values in uniform.items():
        assert values.min() >= -1e-5 and values.max() <= 1 + 1e-5, name
        assert scipy.stats.kstest(values, "uniform").pvalue > 1e-4, name
    assert drawn.crop.max() < 1 and drawn.noise_start.max() < 1
    assert abs(np.mean(drawn.background_gain > 0) - 0.8) < 5 * np.sqrt(0.16 / N_ROWS)
    counts = np.bincount(drawn.pitch, minlength=33)
    assert len(counts) == 33
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
    shifts = np.bincount(drawn.shift + 80, minlength=161)
    assert len(shifts) == 161
    assert scipy.stats.chisquare(shifts).pvalue > 1e-4


def test_pitch_grid_is_eighths_up_to_the_bounds():
    np.testing.assert_array_equal(pitch_grid(2.0), np.linspace(-2, 2, 33))
    np.testing.assert_array_equal(pitch_grid(0.0), [0.0])


def test_zero_augmentation_draws_nothing_but_the_slice():
    drawn = draw(NO_AUGMENTATION, 100, seed=0, epoch=0)
    assert not drawn.pitch.any() and (drawn.stretch == 1).all() and not drawn.noise_gain.any()
    assert len(np.unique(drawn.crop)) == 100


def test_each_quantity_has_its_own_row_of_the_random_stream():
    """A resumed run draws what it would have drawn, whatever else is augmented."""
    uniform = np.random.default_rng([3, 4]).random((10, N_ROWS), dtype=np.float32)
    drawn = draw(AUGMENTATION, N_ROWS, seed=3, epoch=4)
    np.testing.assert_array_equal(drawn.pitch, np.floor(33 * uniform[0]))
    np.testing.assert_allclose(drawn.stretch, 0.8 + 0.4 * uniform[1], rtol=1e-6)
    np.testing.assert_allclose(20 * np.log10(drawn.noise_gain), -90 + 44 * uniform[2], atol=1e-4)
    np.testing.assert_array_equal(drawn.noise_start, uniform[3])
    np.testing.assert_array_equal(drawn.crop, uniform[4])
    np.testing.assert_array_equal(drawn.shift, np.floor(161 * uniform[5]) - 80)
    has_background = uniform[7] < 0.8
    np.testing.assert_allclose(drawn.background_gain, 0.1 * uniform[6] * has_background, rtol=1e-6)
    np.testing.assert_array_equal(drawn.background_start, uniform[8])
    halved = draw(AUGMENTATION.model_copy(update={"augment_prob": 0.5}), N_ROWS, seed=3, epoch=4)
    np.testing.assert_array_equal(halved.stretch != 1, (uniform[9] < 0.5) & (drawn.stretch != 1))


def test_no_draws_is_the_clip_itself_cut_in_the_middle():
    drawn = no_draws(AUGMENTATION, 7)
    assert (pitch_grid(2.0)[drawn.pitch] == 0).all()
    assert (drawn.stretch == 1).all() and not drawn.noise_gain.any() and (drawn.crop == 0.5).all()
    assert {len(values) for values in drawn} == {7}


def test_a_fraction_of_the_clips_stays_as_it_is():
    everything = AUGMENTATION.model_copy(
        update={"time_shift_ms": 6.25, "background_noise_prob": 1.0}
    )
    always, sometimes, never = (
        draw(everything.model_copy(update={"augment_prob": prob}), 10_000, 0, 0)
        for prob in (1.0, 0.8, 0.0)
    )
    unchanged = no_draws(everything, 10_000)
    unchanged = unchanged._replace(crop=always.crop)
    is_same = np.stack(
        [getattr(sometimes, name) == getattr(unchanged, name) for name in QUANTITIES]
    )
    is_kept = is_same.all(axis=0)
    assert is_kept.mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 10_000))
    for name in QUANTITIES:
        values, changed, kept = (getattr(draws, name) for draws in (sometimes, always, never))
        assert values.dtype == changed.dtype
        np.testing.assert_array_equal(values, np.where(is_kept, kept, changed))


def test_take_picks_rows():
    drawn = draw(AUGMENTATION, 10, seed=0, epoch=0)
    rows = np.array([7, 2, 7])
    for values, taken in zip(drawn, drawn.take(rows), strict=True):
        np.testing.assert_array_equal(taken, values[rows])


def test_noise_is_white_and_gaussian():
    table = noise_table(25, seed=0)
    assert table.shape == (2**21 // 25, 25) and table.dtype == np.float32
    noise = table.reshape(-1)
    chance = 5 / np.sqrt(len(noise))
    assert abs(noise.mean()) < chance and abs(noise.std() - 1) < chance
    assert abs(np.mean(noise**4) / 3 - 1) < 20 * chance  # kurtosis of a Gaussian: 3
    for lag in (1, 2, 25):
        assert abs(np.mean(noise[lag:] * noise[:-lag])) < chance
    assert not np.array_equal(noise, noise_table(25, seed=1).reshape(-1))
