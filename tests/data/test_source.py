from __future__ import annotations

import pytest

from open_seq2seq.data.source import Source
from open_seq2seq.errors import UserError


def test_labels_are_beside_the_first_manifest(tmp_path):
    (tmp_path / "v2-12-labels.txt").write_text("yes\nno\n")
    (tmp_path / "other.txt").write_text("up\ndown\nleft\n")
    for name in ("v2-12-train.csv", "v2-12-val.csv", "v2-12-test.csv", "v2-12.csv"):
        layer = Source(dataset_files=[str(tmp_path / name), "elsewhere/v1-val.csv"], num_labels=2)
        assert layer.read_labels() == ("yes", "no")
    layer = Source(dataset_files=["a-train.csv"], labels_file=str(tmp_path / "other.txt"))
    assert layer.read_labels() == ("up", "down", "left")
    with pytest.raises(UserError, match=r"num_labels: 12, but .*other.txt has 3 labels"):
        Source(labels_file=str(tmp_path / "other.txt"), num_labels=12).read_labels()
