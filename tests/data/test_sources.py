"""Several sources of training clips: their shares, their loss weights, and exact resume."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import soundfile

from open_seq2seq.config import load_config
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from tests.support.paths import TINY

RATE = 16000
LABELS = "yes\nno\nunknown\n"


@pytest.fixture
def folder(tmp_path):
    """Two manifests, of 6 and 4 rows, and a folder with a recording of 10 s."""
    (tmp_path / "words-labels.txt").write_text(LABELS)
    for name, labels in (("words-train", [0, 1, 2] * 2), ("words-more-train", [2] * 4)):
        lines = ["label,word,speaker,path"]
        for row, label in enumerate(labels):
            path = f"{name}{row}.wav"
            amplitude = 0.1 + 0.1 * row
            noise = np.random.default_rng(row).normal(0, amplitude / 4, RATE)
            soundfile.write(tmp_path / path, noise, RATE)
            lines.append(f"{label},{LABELS.split()[label]},s{row},{path}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "speech").mkdir()
    random = np.random.default_rng(9)
    soundfile.write(tmp_path / "speech" / "talk.wav", random.normal(0, 0.2, 10 * RATE), RATE)
    return tmp_path


def layer_of(folder, sources, files=("words-train.csv",), **params):
    return SpeechCommandsDataLayer(
        dataset_location=str(folder),
        labels_file="words-labels.txt",
        dataset_files=list(files),
        sources=sources,
        num_audio_features=8,
        audio_length=100,
        hop_length=160,
        n_fft=512,
        **params,
    )


def batches_of(dataset, epoch=0, batch_size=4):
    plan = Sampler(len(dataset), batch_size).for_training(dataset.seed, epoch, shuffle=True)
    return plan, [batch for step in dataset.batches(plan, epoch) for batch in step]


def weights_by_row(dataset, epoch=0):
    """Return label and weight of each slot that counts, by its row."""
    plan, batches = batches_of(dataset, epoch)
    rows = dataset.rows(epoch)[plan.rows].reshape(len(batches), -1)
    return [
        (int(row), int(label), float(weight) / float(scale))
        for batch, batch_rows, scales in zip(batches, rows, plan.weights[:, 0], strict=True)
        for row, label, weight, scale in zip(
            batch_rows, batch.labels.numpy(), batch.weights.numpy(), scales, strict=True
        )
        if scale > 0
    ]


def test_an_epoch_has_the_shares_that_the_weights_say(folder):
    sources = [
        {"dataset_files": ["words-more-train.csv"], "weight": 1 / 3, "loss_weight": 0.5},
        {"recordings": "speech", "weight": 0.5, "loss_weight": 2.0},
    ]
    dataset = layer_of(folder, sources).open(training=True, seed=0)
    assert len(dataset) == 6 + 2 + 3
    for epoch in range(2):
        seen = sorted(weights_by_row(dataset, epoch))
        assert [(row, label) for row, label, _ in seen if row < 6] == list(enumerate([0, 1, 2] * 2))
        more = [row for row, label, weight in seen if 6 <= row < 10 and (label, weight) == (2, 0.5)]
        assert len(set(more)) == 2
        # running speech is one row, the last one
        assert [(label, weight) for row, label, weight in seen if row == 10] == [(2, 2.0)] * 3
    # two epochs of two rows are the whole source
    assert {row for epoch in range(2) for row in dataset.rows(epoch) if 6 <= row < 10} == {
        *range(6, 10)
    }


def test_running_speech_is_cut_elsewhere_in_each_epoch_and_equally_for_all_who_ask(folder):
    dataset = layer_of(folder, [{"recordings": "speech", "weight": 1.0}]).open(
        training=True, seed=3
    )

    def spoken(epoch, batch_size):
        plan = Sampler(len(dataset), batch_size).in_order()
        images = [b.features.numpy() for step in dataset.batches(plan, epoch) for b in step]
        return np.concatenate(images)[6:12]

    first = spoken(0, 4)
    np.testing.assert_allclose(spoken(0, 6), first, atol=1e-4)
    assert len({image.tobytes() for image in first}) == 6
    others = spoken(1, 4)
    assert not {image.tobytes() for image in first} & {image.tobytes() for image in others}


def test_a_manifest_can_be_running_speech_and_a_source_of_weight_0_is_left_out(folder):
    sources = [
        {"recordings": "words-more-train.csv", "weight": 0.5, "label": "no"},
        {"recordings": "nowhere", "weight": 0.0},
    ]
    dataset = layer_of(folder, sources).open(training=True, seed=0)
    assert [label for row, label, _ in weights_by_row(dataset) if row >= 6] == [1] * 3


def test_words_of_a_source_are_classes_of_their_own_or_not(folder):
    text = (folder / "words-more-train.csv").read_text()
    for index, word in enumerate(("tree", "cat", "tree", "")):
        text = text.replace(f"2,unknown,s{index}", f"2,{word},s{index}")
    (folder / "words-more-train.csv").write_text(text)
    for own_classes, expected in ((True, ("cat", "tree")), (False, ("dog",))):
        sources = [{"dataset_files": ["words-more-train.csv"], "own_classes": own_classes}]
        if not own_classes:
            base = (folder / "words-train.csv").read_text()
            (folder / "words-train.csv").write_text(base.replace("2,unknown,s2", "2,dog,s2"))
        dataset = layer_of(folder, sources, merge_unknown=True).open(training=True, seed=0)
        assert dataset.classes == expected


def test_rows_per_epoch_is_kept_exactly(folder):
    sources = [{"dataset_files": ["words-more-train.csv"], "weight": 2.0}]
    dataset = layer_of(folder, sources, rows_per_epoch=30).open(training=True, seed=0)
    counts = np.bincount(dataset.rows(0), minlength=10)
    # 10 of 6 rows are one order of them and 4 of the next; 20 of 4 rows are five orders
    assert sorted(counts[:6]) == [1, 1, 2, 2, 2, 2]
    assert counts[6:].tolist() == [5, 5, 5, 5]


def test_only_sources_without_dataset_files(folder):
    sources = [{"dataset_files": ["words-train.csv"]}, {"dataset_files": ["words-more-train.csv"]}]
    dataset = layer_of(folder, sources, files=()).open(training=True, seed=0)
    assert np.bincount(dataset.rows(0) >= 6).tolist() == [6, 6]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([{"recordings": "speech", "label": "up"}], r"sources\[0\]/label: 'up' is no label"),
        ([{"recordings": "nowhere"}], r"sources\[0\]/recordings: cannot read .*nowhere"),
        ([{"dataset_files": ["empty.csv"]}], "empty.csv: the manifest has a header but no rows"),
        (
            [{"recordings": "speech", "weight": 1e-6}],
            r"sources\[0\]: its weight 1e-06 gives it none of the 6 rows of an epoch",
        ),
    ],
)
def test_what_is_wrong_with_a_source_is_named(folder, sources, message):
    (folder / "empty.csv").write_text("label,path\n")
    with pytest.raises(UserError, match=message):
        layer_of(folder, sources).open(training=True, seed=0)


def test_recordings_alone_teach_no_keyword(folder):
    with pytest.raises(UserError, match="all of them are recordings"):
        layer_of(folder, [{"recordings": "speech"}], files=()).open(training=True, seed=0)


def test_evaluation_has_no_sources(folder):
    with pytest.raises(UserError, match="sources: for training alone"):
        layer_of(folder, [{"recordings": "speech"}]).open(training=False, seed=0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"recordings": "a", "dataset_files": ["b"]}], "give either dataset_files or recordings"),
        ([{"weight": 1.0}], "give either dataset_files or recordings"),
        ([{"recordings": "a", "weight": -1.0}], "weight"),
        ([{"recordings": "a", "wieght": 1.0}], "wieght"),
    ],
)
def test_mistakes_are_found_before_anything_is_read(value, message):
    overrides = {"train_params/data_layer_params/sources": value}
    with pytest.raises(UserError, match=message):
        load_config(str(TINY), "train", overrides)


def test_all_weights_0_is_a_mistake():
    overrides = {
        "train_params/data_layer_params/sources": [{"dataset_files": ["a"], "weight": 0.0}],
        "train_params/data_layer_params/dataset_files": [],
    }
    with pytest.raises(UserError, match="every weight is 0"):
        load_config(str(TINY), "train", overrides)


@pytest.mark.slow
def test_a_run_with_sources_resumes_exactly(run, tone_dataset, tmp_path, after_step):
    recordings = str(tone_dataset / "v2-12-noise")
    flags = [
        "--train_params/data_layer_params/sources="
        f"[{{'recordings': {recordings!r}, 'weight': 0.2, 'label': 'silence'}},"
        f"{{'dataset_files': [{str(tone_dataset / 'v2-12-val.csv')!r}], 'weight': 0.3}}]",
        "--num_epochs=2",
    ]
    assert run("train", tmp_path / "straight", *flags) == 0

    def stop(step):
        if step.step == 17:  # 144 + 29 + 43 rows are 14 steps of 16: within the second epoch
            os.kill(os.getpid(), signal.SIGTERM)

    after_step.append(stop)
    assert run("train", tmp_path / "stopped", *flags) == 128 + signal.SIGTERM
    after_step.remove(stop)
    assert run("train", tmp_path / "stopped", *flags, "--continue_learning") == 0
    ends = [
        checkpoints.load_newest(tmp_path / name / "checkpoints") for name in ("stopped", "straight")
    ]
    assert ends[0].progress == ends[1].progress
    for kind in ("model", "training"):
        first, second = (getattr(end, kind) for end in ends)
        assert first.keys() == second.keys()
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
