"""Halves of words: where they are cut, how they are joined, and which pairs are no double word."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from open_seq2seq.preprocessing.double_words import draw_pairs, write_double_words
from open_seq2seq.preprocessing.word_halves import Half, cut_words, join_halves

RATE = 16000


def tone_clip(hz: float, start_s: float, seconds: float, peak_s: float, n: int = RATE):
    """Return int16 silence with a tone whose loudest crest is within a period of ``peak_s``."""
    t = np.arange(n) / RATE
    envelope = np.where((t >= start_s) & (t < start_s + seconds), 1.0, 0.0)
    envelope *= 0.6 + 0.4 * np.exp(-(((t - peak_s) / 0.03) ** 2))
    return np.rint(8000 * envelope * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def test_words_are_cut_at_their_loudest_samples_of_one_sign():
    first = np.zeros(RATE, np.int16)
    first[4000:8000] = 1000 * np.tile([1, -1], 2000)
    first[6001] = -9000
    second = np.zeros(RATE, np.int16)
    second[5000:9000] = 1000 * np.tile([1, -1], 2000)
    second[7000], second[7501] = 9500, -7000
    halves = cut_words(first, second)
    assert halves == (Half(4000, 6001, 8000), Half(4960, 7501, 9120))


def test_the_first_half_and_the_second_half_are_heard_and_nothing_clicks():
    first = tone_clip(500, start_s=0.3, seconds=0.4, peak_s=0.45)
    second = tone_clip(1500, start_s=0.2, seconds=0.5, peak_s=0.5)
    halves = cut_words(first, second)
    clip = join_halves(first, second, halves, np.random.default_rng(0))
    assert clip.shape == (RATE,) and clip.dtype == np.int16
    # the cut stays where it was up to what is trimmed, in proportion 0.3 to 0.3 s of background
    n_joined = halves[0].cut + RATE - halves[1].cut
    n_before, n_after = halves[0].start, RATE - halves[1].end
    cut = halves[0].cut + round((RATE - n_joined) * n_before / (n_before + n_after))

    def peak_hz(part):
        return np.abs(np.fft.rfft(part * np.hanning(len(part)))).argmax() * RATE / len(part)

    assert peak_hz(clip[cut - 1600 : cut - 50].astype(float)) == pytest.approx(500, abs=20)
    assert peak_hz(clip[cut + 50 : cut + 1650].astype(float)) == pytest.approx(1500, abs=20)
    # no step that the tones themselves do not have
    steps = [np.abs(np.diff(sound.astype(int))).max() for sound in (first, second, clip)]
    assert steps[2] <= 1.1 * max(steps[:2])


def test_a_quiet_second_word_is_made_as_loud_but_by_a_factor_of_4_at_most():
    first, second = tone_clip(500, 0.3, 0.4, 0.45), tone_clip(500, 0.3, 0.4, 0.45)
    rng = np.random.default_rng(0)
    for divisor, ratio in ((2, 1.0), (16, 0.25)):
        quiet = (second // divisor).astype(np.int16)
        clip = join_halves(first, quiet, cut_words(first, quiet), rng).astype(float)
        # of the second half, 0.1 s after the cut at 0.45 s
        heard = np.abs(clip[8800:10400]).max() / np.abs(second[8800:10400].astype(float)).max()
        assert heard == pytest.approx(ratio, rel=0.05)


@pytest.mark.parametrize("n", [9000, RATE, 2 * RATE])
def test_every_clip_has_a_second_and_its_background_goes_on(n):
    noise = np.random.default_rng(1).normal(0, 50, n)
    word = tone_clip(500, 0.2, 0.3, 0.3, n)
    clip = join_halves(
        *[(word + np.rint(noise)).astype(np.int16)] * 2,
        cut_words(word, word),
        np.random.default_rng(0),
    )
    assert len(clip) == RATE
    levels = clip.astype(float).reshape(100, 160).std(axis=1)
    # the level of the quiet pieces is the noise's: no digital silence is added
    assert levels.min() > 30 and np.percentile(levels, 30) < 80


def table(*rows):
    return pd.DataFrame(rows, columns=["speaker", "word", "path"])


def test_pairs_are_of_one_speaker_and_two_words_each_once():
    clips = table(
        *(("a", word, f"{word}/a{i}") for word in ("bed", "cat") for i in range(2)),
        ("b", "bed", "bed/b"),
        ("b", "cat", "cat/b"),
        ("c", "bed", "bed/c"),
    )
    # a: 2 clips of each word, two orders; b: two orders; c has one word
    pairs = draw_pairs(clips, ["stop"], 100, np.random.default_rng(0))
    assert len(pairs) == len(set(pairs)) == 2 * 2 * 2 + 2
    for pair in pairs:
        assert pair.words[0] != pair.words[1]
        for word, path in zip(pair.words, pair.paths, strict=True):
            assert path.startswith(f"{word}/{pair.speaker}")
    # in turns: of four pairs each speaker has two
    four = draw_pairs(clips, ["stop"], 4, np.random.default_rng(0))
    assert sorted(pair.speaker for pair in four) == ["a", "a", "b", "b"]


def test_no_pair_can_be_a_keyword():
    words = ("go", "no", "get", "cat", "stop", "up", "привет", "прилет")
    clips = table(*(("a", word, f"{word}/a") for word in words))
    pairs = {
        pair.words for pair in draw_pairs(clips, ["go", "stop"], 100, np.random.default_rng(0))
    }
    # g-et and n-o, st-op and u-p, g-o and n-o
    assert not {("go", "no"), ("get", "no"), ("get", "go"), ("stop", "up")} & pairs
    assert {("cat", "no"), ("no", "cat"), ("up", "stop"), ("no", "get")} <= pairs
    # what espeak-ng cannot say is compared by its letters
    pairs = {pair.words for pair in draw_pairs(clips, ["привет"], 100, np.random.default_rng(0))}
    assert ("прилет", "привет") not in pairs and ("привет", "прилет") not in pairs
    assert ("go", "no") in pairs


def test_halves_too_short_or_nearly_a_whole_keyword_are_passed_over(tmp_path):
    def write(name, peak_s):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, tone_clip(500, 0.2, 0.6, peak_s), RATE)
        return path.name

    early, middle, late = write("early", 0.22), write("middle", 0.5), write("late", 0.77)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    pairs = table(
        ("a", "early", early),
        ("a", "middle", middle),
        ("a", "late", late),
        ("a", "no", "broken.wav"),
    )
    candidates = draw_pairs(pairs, ["stop"], 100, np.random.default_rng(0))
    assert len(candidates) == 4 * 3
    rows = write_double_words(candidates, 100, ["stop"], tmp_path, tmp_path / "any", 0)
    names = {path.partition("_")[2] for path in rows["path"]}
    # early begins no double word, late ends none
    assert names == {"middle+early.wav", "late+early.wav", "late+middle.wav"}
    # late is cut behind four fifths of it, and early before a fifth
    rows = write_double_words(candidates, 100, ["late", "early"], tmp_path, tmp_path / "kw", 0)
    assert rows.empty
    one = write_double_words(candidates, 1, ["stop"], tmp_path, tmp_path / "one", 0)
    assert len(one) == 1
