"""People who talk at once, mixed into training clips."""

import numpy as np
import pytest

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.babble import babble_table, find_talkers
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError

RATE, BLOCK = 16000, 160
SCENE = 10 * RATE


@pytest.fixture
def clicks(write_wav):
    """A recording with a click every ten seconds: ten seconds of it have one."""
    samples = np.zeros(8 * SCENE)
    samples[5::SCENE] = 0.5
    return str(write_wav("clicks.wav", samples))


def test_three_to_eight_talk_at_once_for_ten_seconds(clicks):
    scenes = babble_table([clicks], RATE, BLOCK, seed=0).reshape(-1, SCENE)
    assert len(scenes) == 30  # five minutes
    n_talkers = (scenes != 0).sum(axis=1)
    assert n_talkers.min() == 3
    assert n_talkers.max() == 8
    # clicks of one height: nobody is louder than the others
    heights = [scene[scene != 0] for scene in scenes]
    assert all(np.ptp(height) == 0 for height in heights)
    np.testing.assert_allclose(np.sqrt(np.square(scenes).mean(axis=1)), 0.1, rtol=1e-5)


def test_a_quiet_talker_is_as_loud_as_a_loud_one(write_wav):
    """Noise below and above 4 kHz, one 34 dB louder than the other."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(60 * RATE))
    is_low = np.arange(len(spectrum)) < len(spectrum) // 2
    paths = []
    for name, half, level in (("low", is_low, 0.002), ("high", ~is_low, 0.1)):
        noise = np.fft.irfft(spectrum * half)
        paths.append(str(write_wav(f"{name}.wav", level * noise / noise.std())))
    scenes = babble_table(paths, RATE, BLOCK, seed=0).reshape(-1, SCENE)
    power = np.square(np.abs(np.fft.rfft(scenes, axis=1)))
    low_share = power[:, : SCENE // 4].sum(axis=1) / power.sum(axis=1)
    assert 0.3 < low_share.mean() < 0.7


def test_the_seed_says_who_talks_when(clicks):
    first, again, other = (babble_table([clicks], RATE, BLOCK, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.usefixtures("eager")
def test_babble_and_recorded_noise_are_mixed_into_training_clips(write_wav, write_manifest, tone):
    """Noise of 3 kHz and talk of 1 kHz, in clips of silence: each is the background of some."""
    write_wav("noise/hum.wav", tone(3000.0, seconds=300.0, amplitude=0.1))
    write_wav("talk/deep/tone.wav", tone(1000.0, seconds=12.0, amplitude=0.1))
    manifest = write_manifest([0] * 40, [np.zeros(RATE)] * 40)
    folder = manifest.parent

    def loudest_bands(training, **params):
        layer = SpeechCommandsDataLayer(
            dataset_files=[str(manifest)],
            background_speech=str(folder / "talk"),
            background_noise_prob=1.0,
            noise_level_max=None,
            pitch_shift=0.0,
            time_stretch=0.0,
            augment_data=True,
            audio_length=129,
            **params,
        )
        dataset = layer.open(training=training, seed=0)
        ((batch,),) = dataset.batches(Sampler(40, 40).in_order(), 0)
        images = batch.features.numpy()
        assert (np.ptp(images, axis=(1, 2)) > 0).all() == training
        return set(images.mean(axis=1).argmax(axis=1).tolist())

    (talk,) = loudest_bands(True)
    both = loudest_bands(True, background_noise=str(folder / "noise"))
    assert len(both) == 2
    assert talk == min(both)
    loudest_bands(False)


def test_a_manifest_names_the_speech_too(write_manifest, tone):
    manifest = write_manifest([0, 0], [tone(300.0), tone(400.0)])
    assert [path.rsplit("/", 1)[1] for path in find_talkers(str(manifest))] == [
        "000.wav",
        "001.wav",
    ]


def test_speech_that_cannot_be_used_is_refused(write_wav, tmp_path):
    with pytest.raises(UserError, match=r"background_speech: cannot read .*nowhere"):
        find_talkers(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"background_speech: no audio files in .*empty"):
        find_talkers(str(tmp_path / "empty"))
    silence = str(write_wav("silence.wav", np.zeros(RATE)))
    with pytest.raises(UserError, match=r"background_speech: nothing but digital silence in"):
        babble_table([silence], RATE, BLOCK, seed=0)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"background_speech: 1 recording cannot be used.*broken"):
        babble_table([str(broken)], RATE, BLOCK, seed=0)
