"""Clips of phrases: their numbers, lengths and voices, and the same bytes again."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from open_seq2seq.data.official_split import official_split
from open_seq2seq.data.word_extent import word_extent
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.phrases import Phrase, voices_per_split, write_phrases
from open_seq2seq.synthetic.recording import draw_onset

PHRASES = [
    Phrase("hey lamp", {"train": 20, "val": 3, "test": 2}),
    Phrase("[[s|k|'0|p]]", {"train": 4}),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phrases") / "clips"
    return folder, write_phrases(folder, PHRASES, seed=3, n_voices=30, clip_s=1.5, n_jobs=1)


def bytes_of(folder, clips):
    return [(folder / clip.path).read_bytes() for clip in clips]


def test_numbers_and_lengths(written):
    folder, clips = written
    assert Counter((clip.text, clip.split) for clip in clips) == {
        ("hey lamp", "train"): 20,
        ("hey lamp", "val"): 3,
        ("hey lamp", "test"): 2,
        ("[[s|k|'0|p]]", "train"): 4,
    }
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.wav")) == sorted(
        clip.path for clip in clips
    )
    frames = []
    for clip in clips:
        info = soundfile.info(folder / clip.path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        frames.append(info.frames)
    assert max(frames) == 24000 and min(frames) >= 12000
    assert np.mean(np.array(frames) == 24000) > 0.7


def test_each_voice_speaks_before_one_does_again_and_is_in_one_split(written):
    _, clips = written
    n_voices = voices_per_split(30)
    assert n_voices == {"train": 14, "val": 8, "test": 8}
    times = Counter(clip.speaker for clip in clips if clip[:2] == ("hey lamp", "train"))
    assert sorted(times.values()) == [1] * 8 + [2] * 6  # 20 clips of 14 voices
    assert all(official_split(clip.speaker) == clip.split for clip in clips)


def test_voices_of_slower_rates_take_longer(tmp_path):
    lengths = {}
    for rates in ((90, 100), (170, 180)):
        folder = tmp_path / str(rates[0])
        phrase = Phrase("lamp", {"train": 12})
        clips = write_phrases(folder, [phrase], n_voices=12, rate_wpm=rates, n_jobs=1)
        sounds = [soundfile.read(folder / clip.path, dtype="int16") for clip in clips]
        extents = [word_extent(*sound) for sound in sounds]
        lengths[rates] = np.median([end - start for start, end in extents])
    # as many words take 1.84 times as long; espeak-ng does not stretch all sounds alike
    assert 1.4 < lengths[90, 100] / lengths[170, 180] < 2.2


def test_the_same_bytes_with_more_processes_and_others_in_another_group(written, tmp_path):
    folder, clips = written
    again = write_phrases(tmp_path / "a", PHRASES, seed=3, n_voices=30, clip_s=1.5, n_jobs=2)
    assert again == clips
    assert bytes_of(tmp_path / "a", again) == bytes_of(folder, clips)
    other = write_phrases(
        tmp_path / "b", PHRASES[:1], seed=3, group="b", n_voices=30, clip_s=1.5, n_jobs=2
    )
    assert set(bytes_of(tmp_path / "b", other)).isdisjoint(bytes_of(folder, clips))


@pytest.mark.parametrize(
    ("phrases", "changed", "message"),
    [
        ([Phrase("cat", {}), Phrase("cat", {})], {}, "'cat' appears twice"),
        ([Phrase("привет", {})], {}, "cannot say"),
        ([Phrase("cat", {})], {"clip_s": 0.1}, "0.5 to 10 seconds"),
        ([Phrase("cat", {})], {"clip_s": float("nan")}, "0.5 to 10 seconds"),
        ([Phrase("cat", {})], {"n_voices": 0}, "n_voices: 0"),
    ],
)
def test_invalid_arguments_write_nothing(tmp_path, phrases, changed, message):
    with pytest.raises(UserError, match=message):
        write_phrases(tmp_path / "new", phrases, **changed)
    assert list(tmp_path.iterdir()) == []


def test_a_phrase_is_not_cut_at_an_edge():
    rng = np.random.default_rng(0)
    onsets = [draw_onset(6000, 16000, rng, 0.0) for _ in range(500)]
    assert min(onsets) >= 0 and max(onsets) <= 10000
    cut = [draw_onset(6000, 16000, rng) for _ in range(500)]
    assert min(cut) < 0 and max(cut) > 10000
