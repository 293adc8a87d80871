"""Measures of clips against what they were made of."""

import numpy as np
import pytest

from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.measures import measure, measure_files

RATE = 16000


def as_int16(samples):
    return np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)


def clip_of(tone, start_s, length_s, amplitude=0.25, seconds=1.0, noise=10 ** (-70 / 20)):
    """Return a tone in white noise of -70 dB of full scale."""
    samples = np.random.default_rng(0).normal(scale=noise, size=round(seconds * RATE))
    first = round(start_s * RATE)
    word = tone(440.0, length_s, amplitude)[: len(samples) - first]
    samples[first : first + len(word)] += word
    return as_int16(samples)


def test_levels_and_length(tone):
    measures = measure(clip_of(tone, 0.3, 0.4), RATE)
    assert measures.seconds == 1.0
    # RMS of a sine: amplitude / sqrt(2)
    assert measures.level_db == pytest.approx(20 * np.log10(0.25 / 2**0.5), abs=0.1)
    assert measures.peak_db == pytest.approx(20 * np.log10(0.25), abs=0.1)
    assert measures.snr_db == pytest.approx(20 * np.log10(0.25 / 2**0.5) + 70, abs=1.0)
    assert measures.clipped == 0 and not measures.begins_cut and not measures.ends_cut


@pytest.mark.parametrize(
    ("start_s", "length_s", "begins", "ends"),
    [(0.0, 0.4, True, False), (0.7, 0.3, False, True), (0.02, 0.96, False, False)],
)
def test_a_word_at_an_edge_is_cut(tone, start_s, length_s, begins, ends):
    measures = measure(clip_of(tone, start_s, length_s), RATE)
    assert (measures.begins_cut, measures.ends_cut) == (begins, ends)


@pytest.mark.parametrize("limit", [1.0, 0.3])
def test_clipping_at_full_scale_and_below(tone, limit):
    """A sine of twice the limit is beyond it for two thirds of the time: arcsin(1/2) = pi/6."""
    samples = as_int16(np.clip(tone(100.0, 1.0, 2 * limit), -limit, limit))
    assert measure(samples, RATE).clipped == pytest.approx(2 / 3, abs=0.02)
    assert measure(as_int16(tone(100.0, 1.0, limit * 0.99)), RATE).clipped < 0.04


def test_rounding_of_quiet_sound_is_no_clipping(tone):
    assert measure(as_int16(tone(100.0, 1.0, 1e-3)), RATE).clipped == 0


@pytest.mark.parametrize("samples", [np.zeros(16000), np.zeros(1), np.full(100, 7)])
def test_silence_has_the_level_of_one_step(samples):
    measures = measure(samples.astype(np.int16), RATE)
    assert measures.level_db == pytest.approx(-90.3, abs=0.05) and measures.snr_db == 0
    assert not measures.begins_cut


def test_equal_sound_has_equal_digests(tone, write_wav, tmp_path):
    first, second, other = (
        str(write_wav(name, tone(440.0, 0.5, amplitude)))
        for name, amplitude in (("a.wav", 0.5), ("b.wav", 0.5), ("c.wav", 0.4))
    )
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    measured = measure_files([first, second, other, str(bad)], ClipParams(), RATE)
    assert measured[first] == measured[second]
    assert measured[first].digest != measured[other].digest
    assert isinstance(measured[str(bad)], str)
