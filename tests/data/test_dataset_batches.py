"""An opened dataset: every row's own clip and label, the same however the run came there."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from open_seq2seq.data import SpeechCommandsDataLayer, waveforms
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.sampler import Plan, Sampler
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.errors import UserError
from open_seq2seq.structs import Batch

SMALL = {"n_fft": 512, "hop_length": 250, "audio_length": 64, "num_audio_features": 32}
MEL_HZ = librosa.mel_frequencies(34, fmin=0, fmax=8000, htk=True)[1:-1]
TONES_HZ = MEL_HZ[[6, 10, 14, 18, 22, 26]]  # label i is the tone that mel band 6 + 4 i hears best


def open_dataset(*manifests: Path, training: bool = False, seed: int = 0, **params) -> Dataset:
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(path) for path in manifests], **{**SMALL, **params}
    )
    return layer.open(training=training, seed=seed)


def run(dataset: Dataset, plan: Plan | None = None, epoch: int = 0) -> list[Batch]:
    """All batches, one after the other, as NumPy arrays; by default all rows in one batch."""
    plan = plan or Sampler(len(dataset), len(dataset)).in_order()
    steps = dataset.batches(plan, epoch)
    return [Batch(*(np.asarray(values) for values in batch)) for step in steps for batch in step]


def features(dataset: Dataset, **kwargs) -> np.ndarray:
    return np.concatenate([batch.features for batch in run(dataset, **kwargs)])


def assert_same(ones: list[Batch], others: list[Batch]) -> None:
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        for values, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(values, same)


@pytest.fixture
def manifest(write_manifest, tone) -> Path:
    """12 rows of tones in some noise: labels 0 to 5, twice."""
    rng = np.random.default_rng(0)
    labels = list(range(6)) * 2
    clips = [tone(TONES_HZ[label], rng.uniform(0.4, 1.0), 0.3) for label in labels]
    return write_manifest(labels, [clip + rng.normal(scale=0.01, size=len(clip)) for clip in clips])


ENGINES = ["spectral", "librosa"]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_clip_comes_with_its_label_and_weight(manifest, engine):
    dataset = open_dataset(manifest, training=True, augmentation=engine)
    plan = Sampler(12, batch_size=4, iter_size=2).for_training(seed=1, epoch=0, shuffle=True)
    steps = list(dataset.batches(plan))
    assert [len(step) for step in steps] == [2, 2]
    batches = run(dataset, plan)
    np.testing.assert_array_equal(
        np.concatenate([batch.weights for batch in batches]), plan.weights.reshape(-1)
    )
    labels = np.concatenate([batch.labels for batch in batches])
    np.testing.assert_array_equal(labels, plan.rows.reshape(-1) % 6)
    images = np.concatenate([batch.features for batch in batches])
    assert images.shape == (16, 64, 32) and images.dtype == np.float32
    np.testing.assert_array_equal(images[:, 32].argmax(axis=1), 6 + 4 * labels)


def test_the_engines_agree_where_nothing_is_drawn(manifest, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(LibrosaEngine, "features", None)
        one = features(open_dataset(manifest, augmentation="spectral"))
    with monkeypatch.context() as patch:
        patch.setattr(SpectralEngine, "__init__", None)
        other = features(open_dataset(manifest, augmentation="librosa"))
    # the noise lies 60 dB below the tones' peak power: float32 rounding is a thousandth of it
    np.testing.assert_allclose(one, other, atol=5e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_resumes_in_the_middle_of_an_epoch(manifest, engine):
    params = {"training": True, "augment_data": True, "augmentation": engine}
    plan, rest = (
        Sampler(12, batch_size=4).for_training(seed=1, epoch=3, shuffle=True, first_row=row)
        for row in (0, 4)
    )
    undisturbed = run(open_dataset(manifest, **params), plan, epoch=3)
    resumed = run(open_dataset(manifest, **params), rest, epoch=3)
    assert len(undisturbed) == 3
    assert_same(undisturbed[1:], resumed)


def test_batching_and_workers_do_not_change_a_row(manifest):
    dataset = open_dataset(manifest, training=True, augment_data=True, augmentation="librosa")
    expected = features(dataset, epoch=2)
    for rank in range(2):
        plan = Sampler(12, batch_size=4, rank=rank, size=2).for_training(
            seed=1, epoch=2, shuffle=True
        )
        np.testing.assert_array_equal(
            features(dataset, plan=plan, epoch=2), expected[plan.rows.reshape(-1)]
        )


@pytest.mark.parametrize("cache_data", ["waveforms", False])
def test_each_epoch_and_seed_augments_afresh(manifest, cache_data):
    params = {
        "training": True,
        "augment_data": True,
        "augmentation": "librosa",
        "cache_data": cache_data,
    }
    dataset = open_dataset(manifest, **params)
    by_epoch = [features(dataset, epoch=epoch) for epoch in (0, 1)]
    by_epoch.append(features(open_dataset(manifest, seed=1, **params)))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(by_epoch[i] - by_epoch[j]).max(axis=(1, 2)) > 0.1).all()
    # what is kept are the waveforms, not what was made of them
    assert_same(
        run(dataset, epoch=1),
        run(open_dataset(manifest, **{**params, "cache_data": False}), epoch=1),
    )


def test_evaluation_is_never_augmented(manifest):
    plain, asked = (
        open_dataset(manifest, augment_data=ask, augmentation="librosa") for ask in (False, True)
    )
    np.testing.assert_array_equal(features(plain, epoch=0), features(asked, epoch=7))


@pytest.mark.parametrize(("engine", "cache_data"), [("spectral", "images"), ("librosa", True)])
def test_kept_images_serve_every_epoch_and_every_restart(manifest, tmp_path, engine, cache_data):
    params = {
        "training": True,
        "augment_data": True,
        "augmentation": engine,
        "cache_data": cache_data,
    }
    if cache_data == "images":
        params["cache_dir"] = str(tmp_path / "cache")
    sampler = Sampler(12, batch_size=6)
    plans = [sampler.for_training(seed=1, epoch=epoch, shuffle=True) for epoch in (0, 1)]
    dataset = open_dataset(manifest, **params)
    first, second = (features(dataset, plan=plan, epoch=epoch) for epoch, plan in enumerate(plans))
    first_rows, second_rows = (plan.rows.reshape(-1) for plan in plans)
    assert not np.array_equal(first_rows, second_rows)
    np.testing.assert_array_equal(first[np.argsort(first_rows)], second[np.argsort(second_rows)])

    # a process that begins with the second epoch and has nothing kept makes the images of the first
    restarted = open_dataset(manifest, **{**params, "cache_dir": None})
    np.testing.assert_array_equal(features(restarted, plan=plans[1], epoch=1), second)


def test_kept_images_in_a_folder_need_no_engine(manifest, tmp_path, monkeypatch):
    params = {
        "cache_data": "images",
        "cache_dir": str(tmp_path / "cache"),
        "augmentation": "librosa",
    }
    expected = features(open_dataset(manifest, **params))
    with monkeypatch.context() as patch:
        patch.setattr(LibrosaEngine, "features", None)
        patch.setattr(waveforms, "read_wav", None)
        np.testing.assert_array_equal(features(open_dataset(manifest, **params)), expected)

    # a clip that changed: the first row now holds the tone of label 5
    clip = manifest.parent / "tiny-train" / "000.wav"
    clip.write_bytes((clip.parent / "005.wav").read_bytes())
    changed = features(open_dataset(manifest, **params))
    assert changed[0, 32].argmax() == 6 + 4 * 5
    np.testing.assert_array_equal(changed[1:], expected[1:])


@pytest.mark.parametrize(
    ("training", "other"),
    [
        (False, {"fmax": 7000.0}),
        (False, {"hop_length": 200}),
        (False, {"pad_value": 0.0}),
        (True, {"pitch_shift": 1.0}),
        (True, {"seed": 1}),
    ],
    ids=str,
)
def test_other_parameters_never_find_stale_images(manifest, tmp_path, training, other):
    params = {
        "training": training,
        "augment_data": True,
        "augmentation": "librosa",
        "cache_data": "images",
    }
    cached = {**params, "cache_dir": str(tmp_path / "cache")}
    before = features(open_dataset(manifest, **cached))
    after = features(open_dataset(manifest, **{**cached, **other}))
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, features(open_dataset(manifest, **{**params, **other})))


def test_all_manifests_are_read(write_manifest, tone):
    clips = [tone(hz, 0.3) for hz in TONES_HZ]
    first = write_manifest([2, 5], [clips[2], clips[5]], "tiny-train")
    second = write_manifest([5, 0], [clips[5], clips[0]], "tiny-val")
    (batch,) = run(open_dataset(first, second, augmentation="librosa"))
    assert batch.labels.tolist() == [2, 5, 5, 0]
    assert batch.features[:, 32].argmax(axis=1).tolist() == [14, 26, 26, 6]


def test_duplicated_rows_are_rows_of_one_file(manifest, monkeypatch):
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines[:4], lines[1], lines[1], ""]))  # rows 0, 1, 2, 0, 0
    decoded = []
    read_wav = waveforms.read_wav
    monkeypatch.setattr(
        waveforms, "read_wav", lambda path, rate: decoded.append(path) or read_wav(path, rate)
    )
    params = {"augmentation": "librosa", "cache_data": "waveforms"}
    (batch,) = run(open_dataset(manifest, **params))
    assert len(decoded) == 3
    assert batch.labels.tolist() == [0, 1, 2, 0, 0]
    np.testing.assert_array_equal(batch.features[[3, 4]], batch.features[[0, 0]])
    # balancing is there for this: the same clip, augmented in another way
    augmented = features(open_dataset(manifest, training=True, augment_data=True, **params))
    assert (
        np.abs(augmented[0] - augmented[3]).max() > 0.1 < np.abs(augmented[4] - augmented[3]).max()
    )


@pytest.mark.parametrize("cache_data", ["waveforms", "images", False])
def test_bad_clips_stop_or_are_left_out(manifest, cache_data):
    folder = manifest.parent / "tiny-train"
    (folder / "001.wav").write_text("no audio")
    (folder / "003.wav").write_bytes((folder / "003.wav").read_bytes()[:44])
    with pytest.raises(UserError) as error:
        open_dataset(manifest, cache_data=cache_data)
    assert str(error.value).startswith("2 audio files cannot be used:")
    assert "001.wav: Format not recognised" in str(
        error.value
    ) and "003.wav: it holds no samples" in str(error.value)

    params = {"on_bad_audio": "skip", "augmentation": "librosa", "cache_data": cache_data}
    dataset = open_dataset(manifest, **params)
    assert dataset.skipped == {
        str(folder / "001.wav"): "Format not recognised",
        str(folder / "003.wav"): "it holds no samples",
    }
    (batch,) = run(dataset)
    assert batch.labels.tolist() == [0, 2, 4, 5, *range(6)]
    np.testing.assert_array_equal(batch.features[:, 32].argmax(axis=1), 6 + 4 * batch.labels)

    for clip in folder.iterdir():
        clip.write_text("no audio")
    with pytest.raises(
        UserError, match="the dataset is empty: none of its audio files can be used"
    ):
        open_dataset(manifest, **params)


def test_conversions_are_told(manifest, write_wav):
    write_wav("tiny-train/002.wav", np.zeros((4000, 2)), 8000)
    dataset = open_dataset(manifest)
    assert dataset.converted == {
        str(manifest.parent / "tiny-train" / "002.wav"): "8000 Hz, 2 channels, PCM_16"
    }


@pytest.mark.parametrize(("engine", "cache_data"), [("spectral", "waveforms"), ("librosa", False)])
def test_of_a_long_clip_the_middle_is_evaluated_and_any_part_trained_on(
    write_manifest, engine, cache_data
):
    # 30 s that rise from 0 to 6000 Hz: a frame's loudest frequency tells the time
    seconds = np.arange(30 * 16000) / 16000
    path = write_manifest([0] * 12, [0.3 * np.sin(2 * np.pi * 100 * seconds**2)] * 12)
    params = {"n_fft": 1024, "audio_length": 64, "hop_length": 250, "num_audio_features": 128}
    params |= {"augmentation": engine, "cache_data": cache_data}
    mel_hz = librosa.mel_frequencies(130, fmin=0, fmax=8000, htk=True)[1:-1]

    def middles_s(images: np.ndarray) -> np.ndarray:
        return mel_hz[images[:, 27:37].mean(axis=1).argmax(axis=1)] / 200

    evaluated = middles_s(features(open_dataset(path, **params)))
    # bands lie 66 Hz, or 0.33 s, apart at 3 kHz
    np.testing.assert_allclose(evaluated, 15.0, atol=0.33)

    dataset = open_dataset(path, training=True, **params)
    trained = np.concatenate([middles_s(features(dataset, epoch=epoch)) for epoch in range(3)])
    assert trained.min() < 5 and trained.max() > 25
    assert np.histogram(trained, bins=3, range=(0, 30))[0].min() > 2


def test_the_middle_of_a_long_clip_is_that_of_its_whole_log_mel(write_manifest):
    samples = np.zeros(30 * 16000)
    samples[239500:240700] = np.random.default_rng(0).normal(scale=0.1, size=1200)
    image = features(open_dataset(write_manifest([0], [samples])))[0]
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=16000,
        n_fft=512,
        hop_length=250,
        n_mels=32,
        htk=True,
        norm=None,
        pad_mode="constant",
    ).T
    start = int(0.5 * (len(mel) - 64 + 1))
    expected = mel[start : start + 64].sum(axis=1)
    power = np.exp(image.astype(np.float64)).sum(axis=1)
    middles = [
        np.average(np.arange(64), weights=np.where(p > p.max() / 100, p, 0))
        for p in (power, expected)
    ]
    assert middles[0] == pytest.approx(middles[1], abs=0.01)
