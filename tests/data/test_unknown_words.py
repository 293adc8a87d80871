"""Words of unknown as classes, and what batches then ask of the network."""

import numpy as np
import pandas as pd
import pytest

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.data.unknown_words import class_indices, find_classes
from open_seq2seq.errors import UserError
from tests.support.tones import make_tone, save_wav

LABELS = ("yes", "unknown", "silence")
ROWS = [
    (0, "yes", 0),
    (1, "tree", 4),
    (1, "", 1),
    (2, "", 2),
    (1, "bed", 3),
    (1, "unknown", 1),
    (0, "yes", 0),
    (1, "tree", 4),
    (2, "tree", 2),  # silence by its label, whatever its word
]
EXPECTED = [row[2] for row in ROWS]


def save_rows(folder, rows=ROWS, labels=LABELS, name="v2-12-train"):
    (folder / "v2-12-labels.txt").write_text("".join(f"{label}\n" for label in labels))
    lines = ["label,word,path"]
    for index, (label, word, _) in enumerate(rows):
        clip = save_wav(folder / name / f"{index}.wav", make_tone(300.0 + 100 * index))
        lines.append(f"{label},{word},{clip.relative_to(folder)}")
    path = folder / f"{name}.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def layer_of(path, **params):
    return SpeechCommandsDataLayer(dataset_files=[path], merge_unknown=True, **params)


def targets_of(dataset):
    sampler = Sampler(len(dataset), len(dataset))
    ((batch,),) = dataset.batches(sampler.in_order())
    return batch.labels.numpy(), batch.targets.numpy()


def test_words_of_unknown_are_sorted_classes_after_the_labels():
    table = pd.DataFrame(ROWS, columns=["label", "word", "class"])
    classes = find_classes(table, LABELS)
    assert classes == ("bed", "tree")
    np.testing.assert_array_equal(class_indices(table, LABELS, classes), EXPECTED)
    np.testing.assert_array_equal(class_indices(table, LABELS, ()), table["label"])


def test_training_aims_at_classes_and_all_else_at_labels(tmp_path):
    layer = layer_of(save_rows(tmp_path))
    dataset = layer.open(training=True, seed=0)
    labels, targets = targets_of(dataset)
    assert dataset.classes == ("bed", "tree")
    np.testing.assert_array_equal(targets, np.eye(5)[EXPECTED])
    np.testing.assert_array_equal(labels, [row[0] for row in ROWS])
    dataset = layer.open(training=False, seed=0)
    labels, targets = targets_of(dataset)
    assert dataset.classes == ()
    np.testing.assert_array_equal(targets, np.eye(3)[[row[0] for row in ROWS]])


def test_mixed_clips_aim_at_both_classes(tmp_path):
    layer = layer_of(save_rows(tmp_path), mixup_alpha=1.0, augment_data=True)
    _, targets = targets_of(layer.open(training=True, seed=0))
    np.testing.assert_allclose(targets.sum(axis=1), 1.0, rtol=1e-6)
    both = np.eye(5)[EXPECTED] + np.roll(np.eye(5)[EXPECTED], 1, axis=0)
    assert ((targets > 0) <= (both > 0)).all() and ((targets > 0).sum(axis=1) == 2).sum() > 4


def test_a_clip_that_cannot_be_read_takes_its_class_along(tmp_path):
    path = save_rows(tmp_path)
    (tmp_path / "v2-12-train" / "1.wav").write_text("no sound")
    dataset = layer_of(path, on_bad_audio="skip").open(training=True, seed=0)
    _, targets = targets_of(dataset)
    np.testing.assert_array_equal(targets, np.eye(5)[[EXPECTED[0], *EXPECTED[2:]]])


@pytest.mark.parametrize(
    ("rows", "labels", "problem"),
    [
        ([(0, "yes", 0), (1, "no", 1)], ("yes", "no"), "there is no label 'unknown'.* yes no"),
        ([(0, "yes", 0), (1, "", 1), (1, "unknown", 1)], LABELS, "no row of the label 'unknown'"),
    ],
)
def test_what_has_nothing_to_merge_is_refused(tmp_path, rows, labels, problem):
    layer = layer_of(save_rows(tmp_path, rows, labels))
    with pytest.raises(UserError, match=f"data_layer_params/merge_unknown: {problem}"):
        layer.open(training=True, seed=0)
