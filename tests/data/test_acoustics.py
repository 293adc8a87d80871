"""What is drawn for rooms, ratios, levels, colours and the equalizer, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from pydantic import ValidationError

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation, draw, no_draws
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.sampler import Sampler

RATE = 16000
EVERYTHING = {
    "room_responses": "rooms",
    "room_prob": 0.4,
    "background_snr_db_min": -5.0,
    "background_snr_db_max": 15.0,
    "gain_db_min": -12.0,
    "gain_db_max": 6.0,
    "clip_prob": 0.3,
    "clip_db": 8.0,
    "noise_colour_min": 0.5,
    "noise_colour_max": 2.0,
    "eq_db": 9.0,
    "eq_bands": 6,
}
NEW = ("room", "background_snr_db", "gain", "overdrive", "noise_colour", "equalizer_db")
N_ROWS = 20_000


def drawn(n_rows=N_ROWS, seed=3, epoch=4, augmentation=None, **params):
    augmentation = augmentation or Augmentation(background_noise="noise", time_shift_ms=5.0)
    acoustics = Acoustics(**params)
    return draw(augmentation, n_rows, sample_rate=RATE, seed=seed, epoch=epoch, acoustics=acoustics)


def test_draws_are_uniform_between_their_bounds():
    draws = drawn(**EVERYTHING)
    in_room, cut = draws.room >= 0, draws.overdrive > 0
    for share, prob in ((in_room, 0.4), (cut, 0.3)):
        assert share.mean() == pytest.approx(prob, abs=5 * np.sqrt(prob * (1 - prob) / N_ROWS))
    uniform = {
        "room": draws.room[in_room],
        "ratio": (draws.background_snr_db + 5) / 20,
        "gain": (20 * np.log10(draws.gain) + 12) / 18,
        "overdrive": 20 * np.log10(draws.overdrive[cut]) / 8,
        **{f"band {i}": (band + 9) / 18 for i, band in enumerate(draws.equalizer_db.T)},
    }
    for name, values in uniform.items():
        assert values.min() >= -1e-5 and values.max() <= 1 + 1e-5, name
        assert scipy.stats.kstest(values, "uniform").pvalue > 1e-4, name
    assert draws.equalizer_db.shape == (N_ROWS, 6)
    np.testing.assert_allclose(Acoustics(**EVERYTHING).colours, [0.5, 0.875, 1.25, 1.625, 2.0])
    assert scipy.stats.chisquare(np.bincount(draws.noise_colour, minlength=5)).pvalue > 1e-4
    values = [draws.room * in_room, draws.background_snr_db, draws.gain, draws.overdrive]
    values += [draws.noise_colour, *draws.equalizer_db.T, draws.background_start, draws.stretch]
    correlations = np.corrcoef(values) - np.eye(len(values))
    assert np.abs(correlations).max() < 5 / np.sqrt(N_ROWS)


def test_each_row_of_an_epoch_is_drawn_again_and_others_in_other_epochs():
    draws, again = drawn(**EVERYTHING), drawn(**EVERYTHING)
    for name in NEW:
        np.testing.assert_array_equal(getattr(draws, name), getattr(again, name))
        for other in ({"seed": 2}, {"epoch": 5}):
            others = getattr(drawn(**EVERYTHING, **other), name)
            assert not np.array_equal(others, getattr(draws, name)), name
    rows = np.array([7, 2, 7])
    for values, taken in zip(draws, draws.take(rows), strict=True):
        np.testing.assert_array_equal(taken, values[rows])
    one_band_more = drawn(**EVERYTHING | {"eq_bands": 7})
    np.testing.assert_array_equal(one_band_more.equalizer_db[:, :6], draws.equalizer_db)
    np.testing.assert_array_equal(one_band_more.gain, draws.gain)


def test_what_was_drawn_before_is_drawn_as_before():
    """The new draws have numbers of their own: rows of the first stream are pitch, stretch, ..."""
    uniform = np.random.default_rng([3, 4]).random((10, N_ROWS), dtype=np.float32)
    draws = drawn(**EVERYTHING)
    np.testing.assert_allclose(draws.stretch, 0.8 + 0.4 * uniform[1], rtol=1e-6)
    np.testing.assert_array_equal(draws.noise_start, uniform[3])
    np.testing.assert_array_equal(draws.crop, uniform[4])
    np.testing.assert_array_equal(draws.background_start, uniform[8])
    # with a ratio, it alone says how loud the noise is
    np.testing.assert_array_equal(draws.background_gain, uniform[7] < 0.8)
    plain = drawn()
    for name, values in zip(plain._fields, plain, strict=True):
        if name not in (*NEW, "background_gain"):
            np.testing.assert_array_equal(getattr(draws, name), values)


def test_by_default_nothing_is_drawn():
    draws, nothing = drawn(), no_draws(Augmentation(), N_ROWS)
    for name in NEW:
        np.testing.assert_array_equal(getattr(draws, name), getattr(nothing, name))
    assert (draws.room < 0).all() and (draws.gain == 1).all() and not draws.overdrive.any()
    assert np.isnan(draws.background_snr_db).all() and draws.equalizer_db.shape == (N_ROWS, 0)


def test_a_clip_that_is_not_changed_is_not_changed_by_rooms_and_levels_either():
    augmentation = Augmentation(augment_prob=0.7)
    draws = drawn(augmentation=augmentation, **EVERYTHING)
    is_kept = draws.stretch == 1
    assert is_kept.mean() == pytest.approx(0.3, abs=0.02)
    nothing = no_draws(augmentation, int(is_kept.sum()), Acoustics(**EVERYTHING))
    for name in NEW:
        np.testing.assert_array_equal(getattr(draws, name)[is_kept], getattr(nothing, name))
    assert draws.gain[~is_kept].min() < 0.3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gain_db_min": 3.0}, r"gain_db_min 3.0 is above gain_db_max 0.0"),
        ({"noise_colour_min": 1.0}, r"noise_colour_min 1.0 is above noise_colour_max 0.0"),
        (
            {"background_snr_db_min": 9.0, "background_snr_db_max": 8.0},
            r"background_snr_db_min 9.0 is above",
        ),
        ({"background_snr_db_max": 8.0}, r"belong together: None and 8.0; give both or none"),
    ],
)
def test_bounds_that_contradict_each_other_are_refused(params, message):
    with pytest.raises(ValidationError, match=message):
        ClipParams(**params)


@pytest.mark.usefixtures("eager")
def test_evaluation_hears_nothing_of_it(write_manifest, write_wav, tone):
    manifest = write_manifest([0], [tone(500.0)])
    params = {"dataset_files": [str(manifest)], "augment_data": True, **EVERYTHING}
    params |= {"background_noise": "nowhere", "room_responses": "nowhere"}  # never looked for
    plain, changed = (
        SpeechCommandsDataLayer(**given).open(training=False, seed=0)
        for given in ({"dataset_files": [str(manifest)]}, params)
    )
    assert changed.draws(0).equalizer_db.shape == (1, 0)
    images = [
        next(dataset.batches(Sampler(1, 1).in_order()))[0].features for dataset in (plain, changed)
    ]
    np.testing.assert_array_equal(*images)
    off = ClipParams(**EVERYTHING).without_augmentation()
    assert {name: getattr(off, name) for name in Acoustics.model_fields} == dict(Acoustics())
