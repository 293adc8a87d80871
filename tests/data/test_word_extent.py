import numpy as np
import pytest

from open_seq2seq.data.word_extent import word_extent

RATE = 16000


def tone(n_samples: int, amplitude: float) -> np.ndarray:
    return np.rint(amplitude * np.sin(np.arange(n_samples))).astype(np.int16)


def clip(*parts: tuple[float, float]) -> np.ndarray:
    """Return tones in quiet noise; each part is (seconds, amplitude)."""
    rng = np.random.default_rng(0)
    sound = np.concatenate([tone(round(s * RATE), amplitude) for s, amplitude in parts])
    return (sound + np.rint(rng.normal(0, 10, len(sound)))).astype(np.int16)


def test_a_word_in_noise():
    sound = clip((0.3, 0), (0.4, 8000), (0.3, 0))
    assert word_extent(sound, RATE) == (4800, 11200)


def test_a_short_pause_is_within_the_word_and_a_long_one_is_not():
    assert word_extent(clip((0.2, 0), (0.2, 8000), (0.1, 0), (0.1, 2000), (0.4, 0)), RATE) == (
        3200,
        9600,
    )
    assert word_extent(clip((0.2, 0), (0.2, 8000), (0.2, 0), (0.1, 2000), (0.3, 0)), RATE) == (
        3200,
        6400,
    )


def test_a_click_of_another_place_is_not_the_word():
    sound = clip((0.02, 3000), (0.38, 0), (0.3, 8000), (0.3, 0))
    assert word_extent(sound, RATE) == (6400, 11200)


@pytest.mark.parametrize("samples", [np.zeros(16000, np.int16), np.ones(100, np.int16)])
def test_without_a_word_it_is_the_whole_clip(samples):
    assert word_extent(samples, RATE) == (0, len(samples))


def test_full_scale_does_not_overflow():
    sound = np.zeros(16000, np.int16)
    sound[8000:9600:2], sound[8001:9600:2] = 32767, -32768
    assert word_extent(sound, RATE) == (8000, 9600)
