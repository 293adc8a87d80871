"""The two engines against librosa's log-mel, against closed forms, and against each other."""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest
import soundfile

from open_seq2seq.data import augment
from open_seq2seq.data.augment import Augmentation, Draws, no_draws, pitch_grid
from open_seq2seq.data.front_end import Extent, FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.spectral_engine import SpectralEngine
from tests.support.images import CLOSE, images, int16, reference

FLOOR = np.float32(np.log(1e-5))
PLAIN = FrontEnd()
AUGMENTATION = Augmentation(
    pitch_shift=2.0, time_stretch=0.2, noise_level_min=-90.0, noise_level_max=-46.0
)
SEMITONES = pitch_grid(2.0)
MEL_HZ = librosa.mel_frequencies(130, fmin=0, fmax=8000, htk=True)[1:-1]  # where the filters peak
FRAMES_PER_S = 16000 / 125
MIDDLE = 63.5  # where the middle of a clip stands in its image, give or take half a frame


@pytest.fixture(scope="module")
def plain() -> SpectralEngine:
    return SpectralEngine(PLAIN)


@pytest.fixture(scope="module")
def augmenting() -> tuple[SpectralEngine, LibrosaEngine]:
    return SpectralEngine(PLAIN, AUGMENTATION), LibrosaEngine(PLAIN, AUGMENTATION)


def drawn(n: int, **values) -> Draws:
    """Draws of n clips in which only what is named differs from none."""
    draws = no_draws(AUGMENTATION, n)
    if "semitones" in values:
        values["pitch"] = np.searchsorted(SEMITONES, values.pop("semitones"))
    return draws._replace(
        **{k: np.broadcast_to(v, n).astype(getattr(draws, k).dtype) for k, v in values.items()}
    )


def draw(augmentation: Augmentation, n_rows: int, seed: int, epoch: int) -> Draws:
    return augment.draw(augmentation, n_rows, sample_rate=16000, seed=seed, epoch=epoch)


def noise(seconds: float, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    """Noise whose spectrum falls towards high frequencies, as that of speech does."""
    white = np.random.default_rng(seed).standard_normal(round(16000 * seconds))
    return int16(np.clip(amplitude * 0.5 * (white + np.roll(white, 1)), -1, 1))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "n_fft": 512,
            "win_length": 400,
            "hop_length": 160,
            "num_audio_features": 40,
            "fmin": 60.0,
            "fmax": 7000.0,
        },
        {"win_length": 640, "hop_length": 200, "audio_length": 81, "pad_value": 0.0},
        {
            "n_fft": 400,
            "win_length": 299,
            "hop_length": 127,
            "num_audio_features": 20,
        },  # blocks of one sample
    ],
    ids=["defaults", "short window", "loud padding", "prime hop"],
)
def test_with_nothing_drawn_it_is_librosas_log_mel(settings):
    params = FrontEnd(**settings)
    clips = [
        noise(seconds) for seconds in (0.3, 0.7, 1.0, 1.05)
    ]  # padded by odd and even numbers, and sliced
    for engine in (LibrosaEngine(params), SpectralEngine(params)):
        for image, clip in zip(images(engine, clips), clips, strict=True):
            assert image.shape == (params.audio_length, params.n_mels) and image.dtype == np.float32
            np.testing.assert_allclose(image, reference(clip, params), atol=CLOSE)


def test_real_speech_gives_librosas_log_mel(plain, real_clips):
    paths = sorted(real_clips.glob("*/*_nohash_*"))[::90][:16]
    assert len(paths) >= 8
    clips = [soundfile.read(path, dtype="int16")[0] for path in paths]
    for image, clip in zip(images(plain, clips), clips, strict=True):
        expected = reference(clip, PLAIN)
        # where a band is 70 dB below its frame, rounding in float32 may be as strong as the band
        audible = expected > expected.max(axis=1, keepdims=True) - 70 / 4.34
        assert audible.mean() > 0.5
        np.testing.assert_allclose(image[audible], expected[audible], atol=CLOSE)
        np.testing.assert_allclose(image, expected, atol=0.1)


def test_short_clips_lie_in_the_middle_of_silence(plain):
    clip = noise(0.25)  # 4000 samples: 33 frames, 95 missing
    image = images(plain, [clip])[0]
    assert (image[:47] == FLOOR).all() and (image[80:] == FLOOR).all()
    assert (image[47:80] > FLOOR + 1).all()


@pytest.mark.parametrize(("crop", "first"), [(0.0, 0), (0.2, 3), (0.999, 18)])
def test_long_clips_are_sliced_where_drawn(plain, crop, first):
    clip = noise(1.1328125)  # 18125 samples, all that is kept: 146 frames, 19 possible slices
    assert len(clip) == Extent.of(PLAIN).n_samples
    image = images(
        plain,
        [clip],
        drawn(1, crop=crop, semitones=0, stretch=1)._replace(pitch=np.zeros(1, np.int32)),
    )[0]
    full = reference(clip, FrontEnd(audio_length=146))
    np.testing.assert_allclose(image, full[first : first + 128], atol=CLOSE)


@pytest.mark.parametrize("engine", [SpectralEngine, LibrosaEngine])
def test_a_full_scale_tone_has_the_power_of_a_full_scale_tone(engine, plain, tone):
    # Parseval: a sine of amplitude A has sum |X_k|^2 = n_fft/2 * sum(window^2) * A^2/2 over the
    # bins up to half the rate. sum(window^2) of a periodic Hann is 3/8 n. The filters add up to one
    # between the first and the last peak.
    engine = plain if engine is SpectralEngine else engine(PLAIN)
    for amplitude in (1.0, 0.01):
        image = images(engine, [int16(tone(2000, amplitude=amplitude))])[0]
        power = np.exp(image[20:100].astype(np.float64)).sum(axis=1)
        np.testing.assert_allclose(power, 1024 / 2 * 384 * amplitude**2 / 2, rtol=0.01)


@pytest.mark.parametrize("n_clips", [1, 17])
def test_a_clip_is_the_same_in_any_batch(augmenting, n_clips):
    engine, _ = augmenting
    draws = draw(AUGMENTATION, n_clips, seed=1, epoch=1)
    clips = [noise(0.5 + 0.04 * i, seed=i) for i in range(n_clips)]
    together = images(engine, clips, draws)
    assert together.shape == (n_clips, 128, 128)
    for i in sorted({0, n_clips // 2, n_clips - 1}):
        alone = images(engine, clips[i : i + 1], draws.take(np.array([i])))
        # the matrix products add in another order
        np.testing.assert_allclose(together[i], alone[0], atol=CLOSE)


def test_a_quiet_clip_beside_a_loud_one(plain):
    quiet, loud = noise(1.0, amplitude=0.003), noise(1.0, amplitude=0.3)
    np.testing.assert_allclose(images(plain, [loud, quiet])[1], reference(quiet, PLAIN), atol=CLOSE)


# A sine of f Hz that is n semitones higher and r times as fast is a sine of f * 2^(n/12) Hz of 1/r
# the duration.
TONES = list(itertools.product((330.0, 1000.0, 4000.0), (-2.0, -0.5, 2.0, 0.0), (0.8, 1.2, 1.0)))


def test_tones_have_their_pitch_and_level_and_length(augmenting, tone):
    frequency_hz, semitones, stretch = np.array(TONES).T
    clips = [int16(tone(hz)) for hz in frequency_hz]
    draws = drawn(len(TONES), semitones=semitones, stretch=stretch)
    n_frames = 1 + np.rint(16000 / stretch) // 125
    ideal_hz = frequency_hz * 2 ** (semitones / 12)
    by_engine = [images(engine, clips, draws) for engine in augmenting]
    for image, case, hz, n, r, frames in zip(
        by_engine[0], TONES, ideal_hz, semitones, stretch, n_frames, strict=True
    ):
        power = np.exp(image[60:70].astype(np.float64)).mean(axis=0)
        # filters warped by a factor see a spectral line that much wider: a neighbour may win where
        # it lies between two
        assert abs(power.argmax() - np.abs(MEL_HZ - hz).argmin()) <= 1, case
        # Parseval as above; half a window's width of filters adds up to one within 2 %
        assert power.sum() == pytest.approx(1024 / 2 * 384 * 0.25 / 2, rel=0.02), case
        assert (image > FLOOR).any(axis=1).sum() == min(128, frames), (case, n, r)
    for one, other, case in zip(*by_engine, TONES, strict=True):
        spectral, vocoder = (
            np.exp(image[60:70].astype(np.float64)).mean(axis=0) for image in (one, other)
        )
        assert abs(spectral.argmax() - vocoder.argmax()) <= 1, case
        # The vocoder starts with half-empty frames, whose phases disagree; slower than 1 it keeps a
        # trace of that, 0.8 dB less of a steady tone, once for the stretch and once for the pitch.
        n_passes = (case[1] > 0) + (case[2] < 1)
        level_db = 10 * np.log10(spectral.sum() / vocoder.sum())
        assert -0.2 < level_db < 0.2 + 0.9 * n_passes, case
        assert ((one > FLOOR).any(axis=1) == (other > FLOOR).any(axis=1)).all(), case


@pytest.mark.parametrize("stretch", [0.8, 1.0, 1.2])
def test_bursts_begin_and_end_where_they_should(augmenting, tone, stretch):
    starts_s = np.array([0.2, 0.3, 0.5])
    clips = [
        int16(np.pad(tone(1000, 0.3), (round(16000 * s), round(16000 * (0.7 - s)))))
        for s in starts_s
    ]

    def edges(image: np.ndarray) -> tuple[int, int]:
        """First and last frame with more than a quarter of the power: half the window, half the
        amplitude.
        """
        power = np.exp(image.astype(np.float64)).sum(axis=1)
        is_on = np.flatnonzero(power > np.median(power[power > power.max() / 4]) / 4)
        return is_on[0], is_on[-1]

    expected = MIDDLE + (np.array([starts_s, starts_s + 0.3]).T - 0.5) / stretch * FRAMES_PER_S
    spectral, vocoder = (
        np.array([edges(image) for image in images(engine, clips, drawn(3, stretch=stretch))])
        for engine in augmenting
    )
    # half the amplitude is passed exactly at the edge: rounding to a frame, and to a block of 0.2
    # frames
    np.testing.assert_allclose(spectral, expected, atol=2)
    # the vocoder cannot place an edge better than its hop, 512 samples or 4.1 frames
    np.testing.assert_allclose(vocoder, spectral, atol=0 if stretch == 1 else 512 / 125 + 1)


def test_chirps_rise_as_fast_as_they_should(augmenting):
    seconds = np.arange(16000) / 16000
    chirp = int16(
        0.5 * np.sin(2 * np.pi * (500 * seconds + 1500 * seconds**2))
    )  # 500 Hz, rising by 3000 Hz/s
    cases = list(itertools.product((-2.0, 0.0, 2.0), (0.8, 1.0, 1.2)))
    semitones, stretch = np.array(cases).T
    frames = np.arange(20, 108)
    # the vocoder smears over its hop, 512 samples or 4.1 frames
    for engine, slope_error, n_frames_error in zip(
        augmenting, (0.01, 0.1), (1.0, 512 / 125), strict=True
    ):
        chirps = images(
            engine, [chirp] * len(cases), drawn(len(cases), semitones=semitones, stretch=stretch)
        )
        for image, (n, r) in zip(chirps, cases, strict=True):
            slope, middle_hz = np.polyfit(frames - MIDDLE, MEL_HZ[image[frames].argmax(axis=1)], 1)
            expected_slope = 3000 * 2 ** (n / 12) * r / FRAMES_PER_S
            assert slope == pytest.approx(expected_slope, rel=slope_error), (n, r)
            assert middle_hz == pytest.approx(
                2000 * 2 ** (n / 12), abs=n_frames_error * expected_slope
            ), (n, r)
            print(
                type(engine).__name__,
                n,
                r,
                slope / expected_slope,
                (middle_hz - 2000 * 2 ** (n / 12)) / expected_slope,
            )


@pytest.mark.parametrize("stretch", [1.0, 1.2])
def test_noise_has_its_level(augmenting, stretch):
    """White noise of standard deviation s has E|X_k|^2 = s^2 sum(window^2) in every bin."""
    gain, n_clips = 10 ** (-46 / 20), 16
    filters = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=128, htk=True, norm=None)
    expected = gain**2 * 384 * filters.sum(axis=1)
    starts = np.linspace(0, 1 - 1e-6, n_clips)  # the last ones run over the end of the table
    draws = drawn(n_clips, noise_gain=gain, noise_start=starts, stretch=stretch)
    silence = [np.zeros(16000, np.int16)] * n_clips
    for engine in augmenting:
        mel = np.exp(images(engine, silence, draws)[:, 16:112].astype(np.float64)).mean(axis=(0, 1))
        # 16 clips of 96 frames that overlap by 7/8: some 200 independent values of each of the bins
        assert mel.sum() == pytest.approx(expected.sum(), rel=0.03)
        np.testing.assert_allclose(mel, expected, rtol=5 / np.sqrt(200))


def test_noise_ends_with_the_clip_and_follows_the_draw(augmenting):
    engine, reference_engine = augmenting
    silence = [np.zeros(8000, np.int16)] * 3
    draws = drawn(3, noise_gain=[0.005, 0.005, 0.0], noise_start=[0, 0.6, 0])
    first, second, without = images(engine, silence, draws)
    assert (first[31:96, 20:] > FLOOR).all()
    assert (first[:31] == FLOOR).all() and (first[96:] == FLOOR).all()
    assert np.abs(first - second).max() > 1
    assert (without == FLOOR).all()
    # both engines take the same stretch of the same noise
    np.testing.assert_allclose(
        first, images(reference_engine, silence[:1], draws.take(np.array([0])))[0], atol=CLOSE
    )


# each value in at least one
FEW = [(0.0, "zeros", "both"), (0.2, "zeros", "end"), (0.2, "reflect", "both")]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("time_stretch", "frame_padding", "pad_side"),
    [
        pytest.param(*case, marks=[] if case in FEW else pytest.mark.long)
        for case in itertools.product([0.0, 0.2], ["zeros", "reflect"], ["both", "end"])
    ],
)
@pytest.mark.parametrize("longest", [3, 5000, 9001, 15200, 16000, 40000])
def test_knowing_the_longest_clip_changes_nothing(longest, time_stretch, frame_padding, pad_side):
    augmentation = Augmentation(
        pitch_shift=0.0, time_stretch=time_stretch, noise_level_min=-60.0, noise_level_max=-46.0
    )
    front_end = FrontEnd(
        n_fft=512,
        win_length=400,
        hop_length=160,
        frame_padding=frame_padding,
        pad_side=pad_side,
    )
    general = SpectralEngine(front_end, augmentation)
    known = SpectralEngine(front_end, augmentation, longest=longest)
    assert known.extent.n_samples <= general.extent.n_samples
    assert known.extent.n_frames <= general.extent.n_frames
    lengths = [longest, longest, max(1, longest - 150), longest // 2 + 1]
    clips = [int16(0.3 * np.sin(np.arange(n) / 3)) for n in lengths]
    draws = draw(augmentation, 4, 0, 0)
    draws = draws._replace(stretch=np.float32([1.0, 1.0 - time_stretch, 1.0 + time_stretch, 1.0]))
    expected, shorter = (images(engine, clips, draws) for engine in (general, known))
    # sums of other sizes may round otherwise
    np.testing.assert_allclose(shorter, expected, atol=2e-6)


def test_the_seed_decides_the_noise():
    silence, draws = [np.zeros(4000, np.int16)], drawn(1, noise_gain=0.005)
    one, other = (
        images(LibrosaEngine(PLAIN, AUGMENTATION, seed=seed), silence, draws) for seed in (0, 1)
    )
    assert np.abs(one - other).max() > 1
