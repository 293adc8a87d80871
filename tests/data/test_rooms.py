"""Clips in rooms: convolution, alignment, level, and responses that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soundfile

from open_seq2seq.data import SpeechCommandsDataLayer, rooms
from open_seq2seq.data.rooms import Rooms, find_responses, read_response
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError

RATE, WIDTH = 16000, 16512
BEFORE = 40  # samples kept before the direct sound: 2.5 ms


def make_response(rng, direct=500, rt60_s=0.3, seconds=0.4, level=0.3):
    """Silence, the direct sound, and decaying noise after it."""
    t = np.arange(round(seconds * RATE)) / RATE
    tail = level * rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60_s)
    tail[0] = 2.0
    return 0.2 * np.concatenate([np.zeros(direct), tail])


def cut(response, direct):
    """What is kept of a response: from 2.5 ms before its direct sound to 0.5 s after, faded out."""
    kept = np.pad(response, (BEFORE, 0))[direct : direct + BEFORE + RATE // 2].copy()
    kept[:BEFORE] *= np.arange(BEFORE) / BEFORE
    n_fade = RATE // 50
    kept[-n_fade:] *= 1 - np.arange(1, n_fade + 1) / n_fade
    return kept / np.sqrt(np.sum(kept**2))


@pytest.fixture
def responses(write_wav):
    rng = np.random.default_rng(0)
    made = [make_response(rng, direct) for direct in (500, 3, 2000)]
    paths = [
        str(write_wav(f"rooms/{i}.wav", response, RATE, "FLOAT")) for i, response in enumerate(made)
    ]
    return made, paths


@pytest.mark.parametrize("kept_bytes", [1 << 28, 0])
def test_clips_are_convolved_aligned_cut_and_as_loud_as_before(responses, kept_bytes, monkeypatch):
    monkeypatch.setattr(rooms, "_KEPT_BYTES", kept_bytes)  # whether spectra are kept or not
    made, paths = responses
    rng = np.random.default_rng(1)
    n_clips = 21
    waveforms = np.zeros((n_clips, WIDTH), np.int16)
    lengths = np.full(n_clips, 16000)
    lengths[3] = 900
    for waveform, length in zip(waveforms, lengths, strict=True):
        waveform[:length] = rng.integers(-5000, 5000, length)
    position = rng.random(n_clips).astype(np.float32)
    position[:6] = 0.1, 0.5, 0.9, 0.34, 0.65, 0.7  # all three rooms
    position[6::4] = -1
    heard = Rooms(paths, RATE, WIDTH).reverberate(waveforms, lengths, position)
    assert heard.dtype == np.float32 and heard.shape == waveforms.shape
    for row, (room, clip, length) in enumerate(zip(position, waveforms, lengths, strict=True)):
        if room < 0:
            np.testing.assert_array_equal(heard[row], clip)
            continue
        number = int(room * 3)
        kept = cut(made[number], (500, 3, 2000)[number])
        wet = scipy.signal.fftconvolve(clip[:length].astype(float), kept)
        wet = wet[BEFORE : BEFORE + length]
        wet *= np.sqrt(np.sum(clip[:length].astype(float) ** 2) / np.sum(wet**2))
        np.testing.assert_allclose(heard[row, :length], wet, atol=0.05)
        assert not heard[row, length:].any()


def test_an_echo_comes_after_its_delay_and_the_direct_sound_stays(write_wav):
    """A response of two samples: the clip, and itself at half the level 100 ms later."""
    response = np.zeros(RATE)
    response[[1234, 1234 + 1600]] = 0.8, 0.4
    paths = [str(write_wav("echo.wav", response, RATE, "FLOAT"))]
    clip = np.zeros((1, WIDTH), np.int16)
    clip[0, 5000] = 20000
    heard = Rooms(paths, RATE, WIDTH).reverberate(clip, np.array([16000]), np.zeros(1, "f4"))[0]
    loud = np.flatnonzero(np.abs(heard) > 1.0)
    np.testing.assert_array_equal(loud, [5000, 6600])
    np.testing.assert_allclose(heard[loud], 20000 / np.sqrt(1.25) * np.array([1, 0.5]), rtol=1e-4)


def test_the_direct_sound_is_the_first_loud_one_not_the_loudest(write_wav):
    response = np.zeros(4000)
    response[[700, 900]] = 0.6, 0.9  # a reflection that is louder
    kept = read_response(str(write_wav("x.wav", response, RATE, "FLOAT")), RATE)
    np.testing.assert_array_equal(np.flatnonzero(kept), [BEFORE, BEFORE + 200])
    assert np.sum(kept**2) == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_responses_of_other_rates_are_resampled(write_wav, rate):
    """An echo after 50 ms is after 50 ms at any rate."""
    response = np.zeros(rate // 2)
    response[[rate // 10, rate // 10 + rate // 20]] = 0.8, 0.4
    kept = read_response(str(write_wav("x.wav", response, rate, "FLOAT")), RATE)
    peaks, _ = scipy.signal.find_peaks(np.abs(kept), height=0.3 * np.abs(kept).max())
    np.testing.assert_allclose(peaks, [BEFORE, BEFORE + 800], atol=1)


def test_of_several_channels_the_first_is_used_and_any_level_will_do(write_wav):
    one = make_response(np.random.default_rng(0))
    mono = read_response(str(write_wav("a.wav", one, RATE, "FLOAT")), RATE)
    both = np.stack([1e-4 * one, -1e-4 * one], axis=1)
    stereo = read_response(str(write_wav("b.wav", both, RATE, "FLOAT")), RATE)
    loud = read_response(str(write_wav("c.wav", 50 * one, RATE, "FLOAT")), RATE)
    np.testing.assert_allclose(stereo, mono, atol=1e-6)
    np.testing.assert_allclose(loud, mono, atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(1000), "it is silent, expected the response to an impulse"),
        (np.zeros(0), "no samples"),
        (np.array([0.1, np.nan, 0.2]), "NaN or infinite"),
    ],
)
def test_a_response_that_cannot_be_used_is_named_with_what_to_do(write_wav, samples, reason):
    path = write_wav("rooms/bad.wav", samples, RATE, "FLOAT")
    with pytest.raises(UserError, match=reason) as refused:
        Rooms([str(path)], RATE, WIDTH)
    assert str(refused.value).startswith(f"data_layer_params/room_responses: {path}: ")
    assert str(refused.value).endswith("; fix or delete it")


def test_a_file_that_is_no_audio_and_folders_without_any_are_named(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF, but not really")
    with pytest.raises(UserError, match=r"room_responses: .*bad.wav: .*; fix or delete it"):
        Rooms([str(tmp_path / "bad.wav")], RATE, WIDTH)
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(UserError, match=r"no impulse responses in .*open-seq2seq-rooms"):
            find_responses(str(tmp_path / name))


def test_noise_is_in_a_room_for_five_seconds_at_a_time(responses):
    made, paths = responses
    noise = (0.1 * np.random.default_rng(2).standard_normal((3000, 160))).astype(np.float32)
    bank = Rooms(paths, RATE, WIDTH)
    heard = bank.reverberate_noise(noise, 0.5, seed=7)
    np.testing.assert_array_equal(bank.reverberate_noise(noise, 0.5, seed=7), heard)
    np.testing.assert_array_equal(bank.reverberate_noise(noise, 0.0, seed=7), noise)
    assert heard.shape == noise.shape and heard.dtype == np.float32
    dry, wet = noise.reshape(-1).astype(float), heard.reshape(-1)
    candidates = [cut(one, direct) for one, direct in zip(made, (500, 3, 2000), strict=True)]
    kinds = set()
    for first in range(0, len(dry), 5 * RATE):
        # past what sounds on from the stretch before
        inside = slice(first + RATE, min(first + 5 * RATE, len(dry)) - BEFORE)
        matches = [np.allclose(wet[inside], dry[inside], atol=1e-6)]
        for kept in candidates:
            sound = scipy.signal.fftconvolve(dry[first : first + 5 * RATE], kept)[BEFORE:]
            matches.append(np.allclose(wet[inside], sound[RATE:][: len(wet[inside])], atol=1e-4))
        assert sum(matches) == 1
        kinds.add(matches.index(True))
    assert 0 in kinds and len(kinds) >= 2
    assert wet.std() == pytest.approx(dry.std(), rel=0.05)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("augmentation", ["spectral", "librosa"])
def test_in_a_dataset_words_stay_in_their_place_and_sound_on(
    write_wav, write_manifest, tone, augmentation
):
    """A tone of 0.2 s from 0.3 s on: in a room it begins there, and decays after its end."""
    rng = np.random.default_rng(0)
    for i in range(4):
        write_wav(f"rooms/{i}.wav", make_response(rng, rt60_s=0.5, seconds=0.5), RATE, "FLOAT")
    clip = np.concatenate([np.zeros(4800), tone(1000.0, 0.2), np.zeros(8000)])
    manifest = write_manifest([0] * 8, [clip] * 8)
    params = {
        "dataset_files": [str(manifest)],
        "room_responses": str(manifest.parent / "rooms"),
        "room_prob": 0.6,
        "pitch_shift": 0.0,
        "time_stretch": 0.0,
        "noise_level_max": None,
        "augment_data": True,
        "augmentation": augmentation,
        "n_fft": 512,
        "hop_length": 160,
        "num_audio_features": 40,
        "audio_length": 101,
    }
    dataset = SpeechCommandsDataLayer(**params).open(training=True, seed=0)
    plan = Sampler(8, 8).in_order()
    ((batch,),) = dataset.batches(plan)
    images, drawn = batch.features.numpy(), dataset.draws(0)
    in_room = drawn.room >= 0
    assert 0 < in_room.sum() < 8
    level = 10 / np.log(10) * images.max(axis=2)  # dB
    loudest = level.max(axis=1)
    for row in range(8):
        begins = np.flatnonzero(level[row] > loudest[row] - 12)[0]
        assert abs(begins - 30) <= 2
        after = loudest[row] - level[row, 55:65].mean()
        assert (after < 30) == in_room[row]
    # a row is in the same room whichever rows are read beside it
    rows = np.array([5, 2])
    (alone,) = next(
        dataset.batches(plan._replace(rows=plan.rows[:, :, rows], weights=plan.weights[:, :, rows]))
    )
    np.testing.assert_allclose(alone.features, images[rows], atol=1e-3)
    ((later,),) = dataset.batches(plan, 1)
    assert np.abs(later.features - images).max() > 1


@pytest.mark.usefixtures("eager")
def test_kept_images_know_the_rooms_they_were_made_in(write_wav, write_manifest, tone, tmp_path):
    write_wav("rooms/0.wav", make_response(np.random.default_rng(0)), RATE, "FLOAT")
    manifest = write_manifest([0] * 2, [tone(1000.0)] * 2)

    def images(**params):
        layer = SpeechCommandsDataLayer(
            dataset_files=[str(manifest)],
            augment_data=True,
            cache_data="images",
            cache_dir=str(tmp_path / "cache"),
            room_responses=str(tmp_path / "rooms"),
            **{"room_prob": 1.0, **params},
        )
        ((batch,),) = layer.open(training=True, seed=0).batches(Sampler(2, 2).in_order())
        return batch.features.numpy()

    first = images()
    np.testing.assert_array_equal(images(), first)
    for other in ({"room_prob": 0.0}, {"eq_db": 6.0}, {"gain_db_min": -30.0, "gain_db_max": -20.0}):
        assert np.abs(images(**other) - first).max() > 0.1
    response = make_response(np.random.default_rng(1), level=2.0)
    soundfile.write(tmp_path / "rooms" / "0.wav", response, RATE, subtype="FLOAT")
    assert np.abs(images() - first).max() > 0.1
