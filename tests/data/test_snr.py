"""Recorded noise at a drawn ratio to the word of each clip."""

from __future__ import annotations

import numpy as np
import pytest

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.data.snr import NoiseLevels

RATE, HOP, N_MELS = 16000, 160, 40
SNR = {"background_snr_db_min": -5.0, "background_snr_db_max": 25.0}
WORD_HZ, HUM_HZ = 700.0, 3000.0
AMPLITUDES = [0.02, 0.1, 0.5, 0.5]
WORDS_S = [0.3, 0.3, 0.3, 0.6]


@pytest.fixture
def dataset(write_wav, write_manifest, tone):
    """Opens clips of a tone in faint noise, and noise of a tone whose level changes by 20 dB."""
    rng = np.random.default_rng(0)
    hum = np.concatenate([tone(HUM_HZ, 20.0, amplitude) for amplitude in (0.5, 0.05)])
    write_wav("noise/hum.wav", hum)
    clips = []
    for amplitude, word_s in zip(AMPLITUDES, WORDS_S, strict=True):
        clip = 2e-5 * rng.standard_normal(RATE)
        clip[4000 : 4000 + round(word_s * RATE)] += tone(WORD_HZ, word_s, amplitude)
        clips.append(clip)
    manifest = write_manifest([0] * len(clips), clips)

    def open_dataset(augmentation="spectral", **params):
        params = {
            "dataset_files": [str(manifest)],
            "augment_data": True,
            "augmentation": augmentation,
            "background_noise": str(manifest.parent / "noise"),
            "background_noise_prob": 1.0,
            "pitch_shift": 0.0,
            "time_stretch": 0.0,
            "noise_level_max": None,
            "audio_length": 101,
            "hop_length": HOP,
            "n_fft": 512,
            "num_audio_features": N_MELS,
            **SNR,
            **params,
        }
        return SpeechCommandsDataLayer(**params).open(training=True, seed=1)

    return open_dataset


def images_of(dataset, epoch=0, batch_size=4):
    plan = Sampler(len(dataset), batch_size).in_order()
    return np.concatenate([part.features for (part,) in dataset.batches(plan, epoch)])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("augmentation", ["spectral", "librosa"])
def test_the_ratio_measured_in_the_image_is_the_one_drawn(dataset, augmentation):
    opened = dataset(augmentation)
    word_band = images_of(dataset(augmentation, background_noise_prob=0.0))[0, 40].argmax()
    # the filters weigh the two tones differently
    hum_band = images_of(opened)[0, 5].argmax()
    offset = _weight(word_band, WORD_HZ) - _weight(hum_band, HUM_HZ)
    n_checked = 0
    for epoch in range(5):
        images, drawn = images_of(opened, epoch), opened.draws(epoch)
        starts = drawn.background_start
        for image, start, snr_db in zip(images, starts, drawn.background_snr_db, strict=True):
            if (start % 0.5) > 0.47:
                continue  # a stretch that begins in the loud half and ends in the other
            # frames 30 to 40 are of every clip's word
            word, hum = (image[30:40, band].mean() for band in (word_band, hum_band))
            measured = 10 / np.log(10) * (word - hum) - offset
            assert measured == pytest.approx(snr_db, abs=0.5)
            n_checked += 1
    assert n_checked > 12


def _weight(band, hz):
    """dB that the filter of a band gives to a tone."""
    import librosa

    bank = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=N_MELS, htk=True, norm=None)[band]
    phase = 2 * np.pi * hz / RATE * np.arange(512)
    power = np.abs(np.fft.rfft(np.sin(phase) * np.hanning(513)[:-1])) ** 2
    return 10 * np.log10(bank @ power)


@pytest.mark.usefixtures("eager")
def test_factors_are_the_same_whatever_is_read_before_and_in_which_batches(dataset):
    opened = dataset()
    images_of(opened, epoch=0)
    later = images_of(opened, epoch=3)
    np.testing.assert_array_equal(images_of(dataset(), epoch=3), later)  # as after a restart
    np.testing.assert_allclose(images_of(dataset(), epoch=3, batch_size=1), later, atol=1e-3)


@pytest.mark.usefixtures("eager")
def test_without_a_ratio_and_with_a_volume_of_zero_there_is_none(dataset):
    none = {"background_snr_db_min": None, "background_snr_db_max": None}
    silent = images_of(dataset(background_noise_volume=0.0, **none))
    assert silent[:, :10].max() < np.log(1e-2)
    assert images_of(dataset(background_noise_volume=0.0))[2, :10].max() > 0


def test_levels_are_those_of_word_and_stretch():
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal((50, 160)) * np.linspace(0.01, 0.1, 50)[:, None]).astype("f4")
    levels = NoiseLevels(3, RATE, noise)
    flat = np.concatenate([noise.reshape(-1)] * 2).astype(np.float64)
    # blocks 10 to 29, and the last five and the first five
    for first, n in ((10, 3200), (45, 1600)):
        stretch = flat[first * 160 : first * 160 + n]
        start = np.array([(first + 0.5) / 50], np.float32)
        (measured,) = levels.of_noise(start, np.array([n]))
        assert measured == pytest.approx(np.sqrt(np.mean(stretch**2)), rel=1e-6)
    clips = np.zeros((3, 8000), np.int16)
    clips[0, 2000:4000] = 1000 * (-1) ** np.arange(2000)  # the word alone, not the silence around
    clips[1, :2000] = 500 * (-1) ** np.arange(2000)
    lengths = np.array([8000, 2000, 8000])
    words = levels.of_words(np.arange(3), clips, lengths, np.ones(3, bool))
    np.testing.assert_allclose(words * 32768, [1000, 500, 0], rtol=0.02)
    # a whole file is measured once, a piece of a long one each time
    again = levels.of_words(np.arange(3), clips // 2, lengths, np.array([True, False, True]))
    np.testing.assert_allclose(again * 32768, [1000, 250, 0], rtol=0.02)


@pytest.mark.usefixtures("eager")
def test_a_clip_of_digital_silence_gets_noise_as_for_a_faint_one(write_wav, write_manifest, tone):
    write_wav("noise/hum.wav", tone(HUM_HZ, 5.0))
    manifest = write_manifest([0], [np.zeros(RATE)])
    dataset = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)],
        augment_data=True,
        background_noise=str(manifest.parent / "noise"),
        background_noise_prob=1.0,
        pitch_shift=0.0,
        time_stretch=0.0,
        noise_level_max=None,
        background_snr_db_min=-20.0,
        background_snr_db_max=-20.0,
    ).open(training=True, seed=0)
    image = images_of(dataset, batch_size=1)[0]
    # RMS 0.01 is a sine of amplitude 0.01 sqrt(2); its |FFT|^2 peaks at (a N / 4)^2
    expected = np.log((0.01 * np.sqrt(2) * 1024 / 4) ** 2)
    assert image.max() == pytest.approx(expected, abs=0.35)
