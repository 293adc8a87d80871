"""Recorded noise mixed into training clips."""

import numpy as np
import pytest

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.noise import background_table, find_recordings
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError

RATE = 16000


def test_the_table_is_the_recordings_in_blocks(write_wav):
    rng = np.random.default_rng(0)
    sounds = [rng.uniform(-0.5, 0.5, n) for n in (1000, 999)]
    paths = [str(write_wav(f"{i}.wav", sound)) for i, sound in enumerate(sounds)]
    table = background_table(paths, RATE, 32)
    expected = np.concatenate([sounds[0][: 31 * 32], sounds[1][: 31 * 32]]).reshape(-1, 32)
    np.testing.assert_allclose(table, expected, atol=1 / 32768)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("augmentation", ["spectral", "librosa"])
def test_noise_is_mixed_in_at_its_volume_in_training_only(
    write_wav, write_manifest, tone, augmentation
):
    """Noise of a sine at 3 kHz, in clips of silence: its level in the image is the factor drawn."""
    write_wav("noise/hum.wav", tone(3000.0, seconds=3.0, amplitude=0.5))
    manifest = write_manifest([0] * 30, [np.zeros(RATE)] * 30)
    params = {
        "dataset_files": [str(manifest)],
        "background_noise": str(manifest.parent / "noise"),
        "background_noise_prob": 0.5,
        "background_noise_volume": 0.2,
        "noise_level_max": None,
        "pitch_shift": 0.0,
        "time_stretch": 0.0,
        "augment_data": True,
        "augmentation": augmentation,
        "audio_length": 129,
    }
    layer = SpeechCommandsDataLayer(**params)

    def images(*, training, epoch=0):
        dataset = layer.open(training=training, seed=0)
        ((batch,),) = dataset.batches(Sampler(30, 30).in_order(), epoch)
        return batch.features.numpy(), dataset.draws(epoch).background_gain

    noisy, gain = images(training=True)
    # |FFT|^2 of a sine of amplitude a under a Hann window of N samples peaks at (a N / 4)^2
    loudest = noisy.max(axis=2).mean(axis=1)
    drawn = gain > 0
    assert 5 <= drawn.sum() <= 25
    expected = np.log((0.5 * gain[drawn] * 1024 / 4) ** 2)
    np.testing.assert_allclose(
        loudest[drawn], expected, atol=0.35
    )  # the filter's peak and the bin's lie apart
    assert (loudest[~drawn] == loudest[~drawn].min()).all()
    assert not np.array_equal(images(training=True, epoch=1)[0], noisy)
    assert np.ptp(images(training=False)[0]) == 0


def test_a_folder_without_recordings_is_refused(write_manifest, tmp_path):
    manifest = write_manifest([0], [np.zeros(RATE)])
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)], augment_data=True, background_noise=str(tmp_path / "none")
    )
    with pytest.raises(UserError, match=r"background_noise: no recordings"):
        layer.open(training=True, seed=0)
    layer.open(training=False, seed=0)  # evaluation does not need it


def test_only_audio_files_are_noise(write_wav, write_manifest, tone, caplog):
    write_wav("noise/hum.wav", tone(300.0, seconds=1.0))
    write_wav("noise/hiss.flac", tone(300.0, seconds=1.0))
    write_wav("noise/rain.ogg", tone(300.0, seconds=1.0), subtype="VORBIS")
    manifest = write_manifest([0], [np.zeros(RATE)])
    folder = manifest.parent / "noise"
    for name in ("._hum.wav", "README.md", "wind.m4a"):
        (folder / name).write_bytes(b"x")
    (folder / "old.wav").mkdir()
    assert find_recordings(str(folder)) == tuple(
        str(folder / name) for name in ("hiss.flac", "hum.wav", "rain.ogg")
    )
    assert any("wind.m4a" in message for message in caplog.messages)
    SpeechCommandsDataLayer(
        dataset_files=[str(manifest)], augment_data=True, background_noise=str(folder)
    ).open(training=True, seed=0)
