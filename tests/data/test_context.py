"""Clips in context: noise at their own level and other clips around them, drawn row by row."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.context import Context, ContextMaker, draw_contexts
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError

RATE, HOP, N_FFT, N_MELS, N_FRAMES = 16000, 160, 512, 32, 201  # an image of two seconds
MEL_HZ = librosa.mel_frequencies(N_MELS + 2, fmin=0, fmax=8000, htk=True)[1:-1]
BANDS = [6, 12, 18, 24]  # label i is the tone that band BANDS[i] hears best
QUIET = 10 / 32768  # level of the noise that all clips have


@pytest.fixture
def manifest(write_manifest, tone):
    """Eight rows: tones of half a second with a quiet beginning, labels 0 to 3, twice."""
    random = np.random.default_rng(0)
    labels = [0, 1, 2, 3] * 2
    clips = []
    for label in labels:
        clip = tone(MEL_HZ[BANDS[label]], 0.5, 0.3)
        clip[: len(clip) // 4] = 0.0
        clips.append(clip + QUIET * random.standard_normal(len(clip)))
    return write_manifest(labels, clips)


def open_dataset(manifest, *, training=False, seed=0, **params):
    front_end = {"n_fft": N_FFT, "hop_length": HOP, "num_audio_features": N_MELS}
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)],
        audio_length=N_FRAMES,
        augment_data=training,
        pitch_shift=0.0,
        noise_level_max=None,
        **{"time_stretch": 0.0, **front_end, **params},
    )
    return layer.open(training=training, seed=seed)


def images_of(dataset, epoch=0, batch_size=8):
    plan = Sampler(len(dataset), batch_size).in_order()
    parts = [part.features for step in dataset.batches(plan, epoch) for part in step]
    return np.concatenate(parts)[: len(dataset)]


def loud_frames(image, label):
    """Frames in which the band of a label is loudest and loud."""
    is_loud = image[:, BANDS[label]] > np.log(1.0)
    return np.flatnonzero(is_loud & (image.argmax(axis=1) == BANDS[label]))


@pytest.mark.parametrize("engine", ["spectral", "librosa"])
def test_in_evaluation_every_clip_stands_in_the_middle_of_noise_at_its_own_level(manifest, engine):
    images = images_of(open_dataset(manifest, context_prob=0.3, augmentation=engine))
    # white noise: its power spectrum is that of the window, times the filter
    window = np.hanning(N_FFT + 1)[:-1]
    bank = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=N_MELS, htk=True, norm=None)
    expected = np.log(bank.sum(axis=1) * (QUIET**2 * np.square(window).sum()))
    for row, image in enumerate(images):
        frames = loud_frames(image, row % 4)
        # the tone is the last three quarters of 0.5 s, in the middle of 201 frames
        assert abs(frames[0] - (100 - 25 + 12.5)) <= 3 and abs(frames[-1] - (100 + 25)) <= 3
        around = np.exp(np.concatenate([image[:60], image[140:]])).mean(axis=0)
        # the level is read off ten pieces or so of 10 ms
        np.testing.assert_allclose(np.log(around)[2:], expected[2:], atol=0.7)


def test_images_are_the_same_whatever_the_batches_and_others_in_the_next_epoch(manifest):
    dataset = open_dataset(manifest, training=True, context_prob=0.7, context_clips_prob=0.7)
    images = images_of(dataset)
    np.testing.assert_allclose(images_of(dataset, batch_size=3), images, atol=1e-4)
    again = open_dataset(manifest, training=True, context_prob=0.7, context_clips_prob=0.7)
    np.testing.assert_array_equal(images_of(again), images)
    assert np.abs(images_of(dataset, epoch=1) - images).max() > 1
    evaluated = open_dataset(manifest, context_prob=0.7)
    np.testing.assert_array_equal(images_of(evaluated, epoch=1), images_of(evaluated))


def test_neighbours_stand_at_the_gap_that_is_drawn_and_never_over_the_clip(manifest):
    params = {"context_prob": 1.0, "context_clips_prob": 1.0, "context_shift_ms": 120.0}
    dataset = open_dataset(manifest, training=True, seed=3, **params, context_gap_ms=200.0)
    draws = draw_contexts(
        Context(**params, context_gap_ms=200.0), 8, sample_rate=RATE, seed=3, epoch=2
    )
    assert (np.abs(draws.shift) <= 1920).all() and np.ptp(draws.shift) > 500
    assert (draws.gap_before <= 3200).all() and np.ptp(draws.gap_before) > 500
    for row, image in enumerate(images_of(dataset, epoch=2)):
        # frames of the clip: 50 in the middle, and the shift
        first = 100 - 25 + draws.shift[row] / HOP
        own = loud_frames(image, row % 4)
        inside = own[(own > first + 5) & (own < first + 50 - 5)]
        assert len(inside) >= 50 * 3 // 4 - 8
        before = loud_frames(image, draws.before[row] % 4)
        end = first - draws.gap_before[row] / HOP
        assert abs(before[before < first][-1] - end) <= 3
        after = loud_frames(image, draws.after[row] % 4)
        begin = first + 50 + draws.gap_after[row] / HOP + 12.5
        assert abs(after[after > first + 53][0] - begin) <= 3


def test_the_fraction_in_context_is_as_asked_for(manifest):
    draws = draw_contexts(
        Context(context_prob=0.3, context_clips_prob=0.8), 20000, sample_rate=RATE, seed=0, epoch=0
    )
    assert draws.is_placed.mean() == pytest.approx(0.3, abs=0.02)
    assert (draws.before >= 0).mean() == pytest.approx(0.8, abs=0.02)
    assert (draws.after >= 0).mean() == pytest.approx(0.8, abs=0.02)
    assert draws.before.max() > 19900 and draws.before.min() == -1
    alone = open_dataset(manifest, training=True, context_prob=0.0)
    image = images_of(alone)[0]
    np.testing.assert_allclose(image[:70], np.log(1e-5), atol=1e-6)  # padding
    assert (image[80:120] > np.log(1e-5)).any(axis=1).all()


@pytest.mark.parametrize(("start", "cut_before", "cut_after"), [(100, 0, 0), (-40, 40, 0)])
def test_a_clip_is_written_as_it_is_and_cut_at_the_ends(start, cut_before, cut_after):
    maker = ContextMaker(RATE, seed=0)
    clip = np.arange(1, 1001, dtype=np.int16)
    sound = maker.place(clip, start, 2000, 0.5)
    assert sound.shape == (2000,) and sound.dtype == np.int16
    begin = max(0, start)
    np.testing.assert_array_equal(sound[begin : start + 1000], clip[cut_before:])
    late = maker.place(clip, 1500, 2000, 0.5)
    np.testing.assert_array_equal(late[1500:], clip[:500])


def test_an_empty_or_very_short_clip_gets_the_least_noise():
    maker = ContextMaker(RATE, seed=0)
    for clip in (np.zeros(0, np.int16), np.full(50, 9000, np.int16), np.zeros(4000, np.int16)):
        sound = maker.place(clip, 8000, 32000, 0.0)
        assert np.std(sound[:8000].astype(float)) == pytest.approx(np.sqrt(1 + 1 / 12), abs=0.05)


def test_a_word_lies_whole_in_the_window_anywhere(manifest):
    dataset = open_dataset(
        manifest, training=True, context_prob=1.0, context_window_ms=600.0, context_clips_prob=0.0
    )
    firsts = []
    for epoch in range(6):
        for row, image in enumerate(images_of(dataset, epoch=epoch)):
            frames = loud_frames(image, row % 4)
            # 0.6 s in the middle of 201 frames are those from 70 to 130; frames reach 16 ms around
            assert frames[0] >= 70 - 3 and frames[-1] <= 130 + 3
            assert abs(len(frames) - 37.5) <= 5  # the word is three quarters of half a second
            firsts.append(frames[0])
    # 48 places among 22 frames
    assert np.ptp(firsts) >= 17 and np.std(firsts) == pytest.approx(22.5 / np.sqrt(12), rel=0.3)


def test_a_word_longer_than_the_window_is_in_its_middle(manifest):
    dataset = open_dataset(
        manifest, training=True, context_prob=1.0, context_window_ms=200.0, context_clips_prob=0.0
    )
    for row, image in enumerate(images_of(dataset)):
        frames = loud_frames(image, row % 4)
        assert abs((frames[0] + frames[-1]) / 2 - 100) <= 3


@pytest.mark.parametrize(
    ("engine", "reach"),  # frames by which a word is longer: a phase vocoder smears its ends
    [("spectral", 4), ("librosa", 8)],
)
def test_a_word_at_another_speed_lies_whole_in_the_window_too(manifest, engine, reach):
    params = {"context_prob": 1.0, "context_window_ms": 600.0, "context_clips_prob": 0.0}
    params |= {"time_stretch": 0.3, "augmentation": engine}
    dataset = open_dataset(manifest, training=True, **params)
    for epoch in range(3):
        speeds = dataset.draws(epoch).stretch
        assert np.ptp(speeds) > 0.2
        for row, image in enumerate(images_of(dataset, epoch=epoch)):
            frames = loud_frames(image, row % 4)
            assert frames[0] >= 70 - reach and frames[-1] <= 130 + reach
            assert len(frames) >= 37.5 / speeds[row] - 4


@pytest.mark.parametrize("time_stretch", [0.0, 0.3])
def test_words_that_are_cut_are_unknown(manifest, time_stretch):
    labels = manifest.with_name("tiny-labels.txt")
    labels.write_text("yes\nno\nunknown\nsilence\n")
    params = {"context_prob": 1.0, "context_window_ms": 600.0, "context_clips_prob": 0.0}
    params["time_stretch"] = time_stretch
    dataset = open_dataset(manifest, training=True, context_cut_prob=0.5, **params)
    n_cut, sides = 0, set()
    for epoch in range(6):
        plan = Sampler(len(dataset), 8).in_order()
        (batch,) = next(iter(dataset.batches(plan, epoch)))
        for row, (label, image) in enumerate(
            zip(batch.labels.numpy(), batch.features, strict=True)
        ):
            frames = loud_frames(image.numpy(), row % 4)
            inside = np.mean((frames >= 70) & (frames <= 130))
            if row % 4 >= 2:  # unknown and silence have no word that could be cut
                assert label == row % 4 and inside > 0.9
            elif label == 2:
                n_cut += 1
                sides.add(frames[0] < 70)
                assert 0.1 - 0.08 <= inside <= 0.6 + 0.08
            else:
                assert label == row % 4 and inside > 0.9
    assert 6 <= n_cut <= 18 and sides == {True, False}  # 12 of 24 keywords are expected


def test_what_does_not_fit_together_is_refused(manifest):
    with pytest.raises(ValueError, match="context_cut_prob cuts words at context_window_ms"):
        open_dataset(manifest, training=True, context_prob=1.0, context_cut_prob=0.1)
    with pytest.raises(UserError, match="words that are cut are 'unknown', which is none of"):
        open_dataset(
            manifest,
            training=True,
            context_prob=1.0,
            context_cut_prob=0.1,
            context_window_ms=600.0,
        )
