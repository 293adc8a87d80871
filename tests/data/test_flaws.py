"""Sound that a conversion to 16-bit mono would destroy is named: bad clips, and warnings."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from open_seq2seq.data import SpeechCommandsDataLayer, flaws, notices
from open_seq2seq.data.audio import read_float, read_wav
from open_seq2seq.data.noise import background_table
from open_seq2seq.data.waveforms import Reading, WaveformStore
from open_seq2seq.errors import UserError

RATE = 16000
RNG = np.random.default_rng(0)


def speech_like(n=RATE):
    return np.clip(0.1 * RNG.standard_normal(n), -1, 1)


def stereo(left, right):
    return np.stack([left, right], axis=1)


SOUND = speech_like()
INT16 = np.rint(32767 * SOUND).astype(np.int16)
SQUARE_WAVE = np.sign(np.sin(2 * np.pi * 5000 / 48000 * (np.arange(48000) + 0.5)))

FLAWS = {
    "zeros": (np.zeros(RATE), RATE, "PCM_16", flaws.SILENT),
    "one value": (np.full(RATE, 0.25), RATE, "PCM_16", flaws.SILENT),
    "one value, to be resampled": (np.full(8000, 0.25), 8000, "PCM_16", flaws.SILENT),
    "dithered silence": (RNG.integers(-1, 2, RATE).astype(np.int16), RATE, "PCM_16", flaws.SILENT),
    "float zeros": (np.zeros(RATE), RATE, "FLOAT", flaws.SILENT),
    "int16 values in 32 bits": (INT16.astype(np.int32), RATE, "PCM_32", flaws.FAINT),
    # libsndfile takes the upper 24 bits of an int32
    "int16 values in 24 bits": (INT16.astype(np.int32) << 8, RATE, "PCM_24", flaws.FAINT),
    "divided by 32768 twice": (SOUND / 32768, RATE, "FLOAT", flaws.FAINT),
    "faint beside a constant": (SOUND / 32768 + 0.5, RATE, "FLOAT", flaws.FAINT),
    "opposite phase": (stereo(SOUND, -SOUND), RATE, "PCM_16", flaws.CANCELLED),
    "nearly opposite phase": (stereo(SOUND, -0.9 * SOUND), RATE, "PCM_16", flaws.CANCELLED),
    "opposite phase at 48 kHz": (stereo(SOUND, -SOUND), 48000, "PCM_16", flaws.CANCELLED),
    # 12 kHz, which 16 kHz cannot hold
    "ultrasound": (
        0.5 * np.sin(2 * np.pi * 12000 / 48000 * np.arange(48000)),
        48000,
        "PCM_16",
        flaws.RESAMPLED_AWAY,
    ),
    # the first harmonic of a square wave is 4 / pi times as large, the second is above 8 kHz
    "overshoot": (SQUARE_WAVE, 48000, "PCM_16", flaws.CLIPPED),
    "float overshoot": (1.2 * SOUND / np.abs(SOUND).max(), RATE, "FLOAT", flaws.CLIPPED),
}
SOUND_CLIPS = {
    "16 bits": (SOUND, RATE, "PCM_16"),
    "24 bits": (SOUND, RATE, "PCM_24"),
    "8 bits": (SOUND, RATE, "PCM_U8"),
    "quiet, in 16 bits": (INT16 // 256, RATE, "PCM_16"),
    "a few percent beyond full scale": (1.04 * SOUND / np.abs(SOUND).max(), RATE, "FLOAT"),
    "one channel of two": (stereo(SOUND, np.zeros(RATE)), RATE, "PCM_16"),
    "two unrelated channels": (stereo(speech_like(), speech_like()), RATE, "PCM_16"),
    "half of it opposite": (stereo(SOUND, -0.5 * SOUND), RATE, "PCM_16"),
    "48 kHz": (speech_like(48000), 48000, "PCM_16"),
    "8 kHz": (speech_like(8000), 8000, "PCM_16"),
    "late sound": (np.concatenate([np.zeros(RATE - 1), [0.5]]), RATE, "PCM_16"),
}


def open_store(paths, keep=False, **reading):
    reading = Reading(cache_data="waveforms" if keep else False, num_readers=1, **reading)
    return WaveformStore([str(path) for path in paths], reading, sample_rate=RATE, n_samples=RATE)


@pytest.mark.parametrize("keep", [False, True])
def test_flaws_are_known_when_files_are_opened(write_wav, keep):
    paths = [
        write_wav(f"{i}.wav", samples, rate, subtype)
        for i, (samples, rate, subtype, _) in enumerate(FLAWS.values())
    ]
    found = open_store(paths, keep).flawed
    assert {name: found.get(i) for i, name in enumerate(FLAWS)} == {
        name: flaw for name, (*_, flaw) in FLAWS.items()
    }


@pytest.mark.parametrize("keep", [False, True])
def test_sound_has_no_flaw(write_wav, keep):
    paths = [write_wav(f"{i}.wav", *args) for i, args in enumerate(SOUND_CLIPS.values())]
    found = open_store(paths, keep).flawed
    assert {name: found[i] for i, name in enumerate(SOUND_CLIPS) if i in found} == {}


def test_a_cache_of_an_earlier_run_knows_them_too(write_wav, tmp_path):
    paths = [write_wav("a.wav", np.zeros(800)), write_wav("b.flac", stereo(SOUND, -SOUND), 8000)]
    for _ in range(2):
        store = open_store(paths, keep=True, cache_dir=str(tmp_path / "cache"))
        assert store.flawed == {0: flaws.SILENT, 1: flaws.CANCELLED}
        assert store.converted == {1: "8000 Hz, 2 channels, PCM_16"}
        assert store.n_samples.tolist() == [800, 32000]


@pytest.mark.parametrize("keep", [False, True])
def test_loud_clips_are_bad_unless_they_are_to_be_scaled(write_wav, tmp_path, keep):
    loud = write_wav("loud.wav", 9000 * np.sin(np.arange(RATE) / 10), subtype="FLOAT")
    paths = [write_wav("good.wav", SOUND), loud]
    cache = {"keep": keep, "cache_dir": str(tmp_path / "cache")}
    with pytest.raises(UserError, match=r"loud.wav: its samples reach 9,000 times full scale"):
        open_store(paths, **cache)
    with pytest.raises(UserError, match="data_layer_params/on_loud_audio=scale"):
        open_store(paths, **cache)
    assert list(open_store(paths, on_bad_audio="skip", **cache).bad) == [1]

    store = open_store(paths, on_loud_audio="scale", **cache)
    assert store.flawed == {1: flaws.SCALED}
    waveforms, _ = store.take(np.array([1]), np.zeros(1), RATE)
    # its peak is that of a sine that is sampled every tenth of a radian
    expected = np.sin(np.arange(RATE) / 10) * 32768
    np.testing.assert_allclose(waveforms[0], expected, atol=2)
    # what was scaled is not taken for a clip that needs no scaling
    with pytest.raises(UserError, match="times full scale"):
        open_store(paths, **cache)


def test_a_stereo_file_is_as_loud_as_the_average_of_its_channels(write_wav):
    path = str(write_wav("a.wav", stereo(np.full(4, 1.5), [0.5, 0.0, -0.5, -1.5]), subtype="FLOAT"))
    assert read_wav(path, RATE).samples.tolist() == [32767, 24576, 16384, 0]


def test_floats_are_read_as_they_are(write_wav):
    path = str(write_wav("a.wav", np.array([0.1, -0.3, 1.1]), subtype="FLOAT"))
    np.testing.assert_array_equal(read_float(path, RATE).samples, np.float32([0.1, -0.3, 1.1]))
    path = str(write_wav("b.wav", np.array([16384, -1], np.int16)))
    np.testing.assert_array_equal(read_float(path, RATE).samples, [0.5, -1 / 32768])


def open_clips(manifest, *, training=False, **params):
    layer = SpeechCommandsDataLayer(dataset_files=[str(manifest)], num_readers=1, **params)
    return layer.open(training=training, seed=0)


def test_a_dataset_says_how_many_clips_have_which_flaw(write_manifest):
    clips = [np.zeros(RATE)] * 5 + [SOUND] * 2 + [stereo(SOUND, -SOUND)]
    silent, cancelled = notices.warnings_of(open_clips(write_manifest([0] * 8, clips)))
    assert silent.startswith("5 of 8 clips: digital silence")
    names = [line.strip() for line in silent.splitlines()[1:]]
    assert [name[-7:] for name in names] == ["000.wav", "001.wav", "002.wav", "and 2 more"[-7:]]
    assert cancelled.startswith("1 of 8 clips: its channels cancel") and "007.wav" in cancelled


def test_clips_of_silence_may_be_silent(write_manifest):
    manifest = write_manifest([0, 1], [np.zeros(RATE)] * 2)
    (manifest.parent / "tiny-labels.txt").write_text("silence\nyes\n")
    (path,) = open_clips(manifest).flawed
    assert path.endswith("001.wav")


def test_recorded_noise_is_held_to_the_same(write_wav, caplog):
    loud = str(write_wav("loud.wav", 9000 * SOUND, subtype="FLOAT"))
    with pytest.raises(UserError, match=r"background_noise: .*loud.wav: its samples reach"):
        background_table([loud], RATE, 32)
    table = background_table([loud], RATE, 32, Reading(on_loud_audio="scale"))
    np.testing.assert_allclose(table.ravel(), SOUND / np.abs(SOUND).max(), atol=1.01 / 32768)
    quiet = str(write_wav("quiet.wav", stereo(SOUND, -SOUND)))
    background_table([quiet], RATE, 32)
    assert caplog.messages[-1] == f"data_layer_params/background_noise: {quiet}: {flaws.CANCELLED}"
    short = str(write_wav("short.wav", SOUND[:31]))
    with pytest.raises(UserError, match=r"shorter than 2 ms"):
        background_table([short, short], RATE, 32)


def test_long_clips_are_counted_and_what_follows_is_said(write_manifest):
    clips = [np.resize(SOUND, n) for n in (RATE, 5 * RATE, 2 * RATE)]
    manifest = write_manifest([0] * 3, clips)
    (line,) = notices.warnings_of(open_clips(manifest, training=True))
    assert line.startswith(
        "2 of 3 clips are longer than an image, 1.0 s (audio_length=128 frames of hop_length=125), "
        "and up to 5.0 s long: each epoch takes 1.0 s from a random place of each"
    )
    (line,) = notices.warnings_of(open_clips(manifest))
    assert "up to 5.0 s long: the middle 1.0 s of each are used" in line
    assert "read from their files" not in line
    (line,) = notices.warnings_of(open_clips(manifest, cache_data="waveforms"))
    assert "are used, read from their files each time, as cache_data=waveforms keeps no" in line
    assert not notices.warnings_of(open_clips(manifest, audio_length=640))


def test_a_shift_by_more_than_a_clip_is_told(write_manifest):
    manifest = write_manifest([0] * 2, [SOUND, SOUND[:8000]])
    params = {"training": True, "augment_data": True}
    assert not notices.warnings_of(open_clips(manifest, time_shift_ms=900.0, **params))
    (line,) = notices.warnings_of(open_clips(manifest, time_shift_ms=1500.0, **params))
    assert line.startswith("time_shift_ms=1500: no clip is longer than 1.0 s")


def test_mel_bands_that_no_bin_reaches_are_counted(recwarn):
    """512 bins of 15.6 Hz: with librosa, 20 of 128 HTK bands are empty at n_fft 512."""
    librosa = pytest.importorskip("librosa")
    expected = {
        n_fft: int(
            (librosa.filters.mel(sr=RATE, n_fft=n_fft, htk=True, norm=None).max(1) == 0).sum()
        )
        for n_fft in (512, 1024, 2048)
    }
    recwarn.clear()
    for n_fft, n_empty in expected.items():
        lines = notices.warnings_of_front_end(SpeechCommandsDataLayer(n_fft=n_fft))
        assert len(lines) == bool(n_empty)
        if n_empty:
            assert lines[0].startswith(f"front end: {n_empty} of the 128 mel bands always hold")
    assert expected[512] > 0


def test_the_advice_about_mel_bands_is_enough():
    params = {"n_fft": 512, "num_audio_features": 128}
    (line,) = notices.warnings_of_front_end(SpeechCommandsDataLayer(**params))
    n_fft, win_length = (
        int(line.split(f"{key}=")[-1].split(",")[0].split(" ")[0])
        for key in ("n_fft", "win_length")
    )
    assert n_fft > 512 and win_length == 512
    better = SpeechCommandsDataLayer(**{**params, "n_fft": n_fft, "win_length": win_length})
    assert not notices.warnings_of_front_end(better)


def test_librosa_does_not_warn_of_them_in_words_of_its_own(write_manifest, recwarn):
    dataset = open_clips(
        write_manifest([0], [SOUND]), augmentation="librosa", n_fft=256, audio_length=8
    )
    from open_seq2seq.data.sampler import Sampler

    list(dataset.batches(Sampler(1, 1).in_order()))
    assert not [warning for warning in recwarn if "Empty filters" in str(warning.message)]


def test_the_clips_of_these_tests_are_what_they_say(write_wav):
    """Of what the flaws rest on, checked with soundfile alone."""
    samples, rate, subtype, _ = FLAWS["int16 values in 24 bits"]
    path = write_wav("a.wav", samples, rate, subtype)
    assert np.abs(soundfile.read(path)[0]).max() <= 2**15 / 2**23
