"""Small trained runs whose outputs are not the labels' softmax alone; fixtures of conftest.py."""

import pandas as pd
import pytest

from open_seq2seq.data.dataset_versions import LABELS
from tests.support.paths import TINY

KEYWORDS = ("yes", "no", "up")
LABELS_OF_MERGED = (*KEYWORDS, "unknown", "silence")
# words of unknown in the manifests below, as they come after the labels
OTHER_WORDS = ("down", "go", "left", "off", "on", "right", "stop")
_LAYERS = [{"kernel_size": 5, "num_channels": 24}, {"kernel_size": 1, "num_channels": 24}]
_EDITS = {
    '"encoder": PeakEncoder': f'"encoder": TDNNEncoder, "encoder_params": '
    f'{{"convnet_layers": {_LAYERS}}}',
    '"decoder": FullyConnectedDecoder': '"decoder": PooledDecoder',
    "from open_seq2seq.decoders import FullyConnectedDecoder": "from open_seq2seq.decoders import "
    "PooledDecoder\nfrom open_seq2seq.encoders import TDNNEncoder",
}


@pytest.fixture(scope="session")
def few_keywords(tone_dataset, tmp_path_factory):
    """The folder of the tones' manifests with three keywords; the other words are of unknown."""
    folder = tmp_path_factory.mktemp("few_keywords")
    (folder / "v2-12-labels.txt").write_text("".join(f"{label}\n" for label in LABELS_OF_MERGED))
    for split in ("train", "val", "test"):
        table = pd.read_csv(tone_dataset / f"v2-12-{split}.csv")
        words = table["label"].map(lambda index: LABELS["v2-12"][index])
        labels = words.where(words.isin(LABELS_OF_MERGED), "unknown").map(LABELS_OF_MERGED.index)
        paths = table["path"].map(lambda path: tone_dataset / path)
        pd.DataFrame({"label": labels, "word": words, "path": paths}).to_csv(
            folder / f"v2-12-{split}.csv", index=False
        )
    return folder


@pytest.fixture(scope="session")
def stream_config(tmp_path_factory):
    """A config of a small TDNN that can hear a stream."""
    text = TINY.read_text()
    for before, after in _EDITS.items():
        assert before in text
        text = text.replace(before, after)
    path = tmp_path_factory.mktemp("stream_config") / "config.py"
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def train_few(run, few_keywords, stream_config, tmp_path_factory):
    """Return a function that trains on `few_keywords` with further flags and returns the logdir."""

    def train(*args, epochs=8, folder=None):
        logdir = (folder or tmp_path_factory.mktemp("few")) / "run"
        location = f"--dataset_location={few_keywords}"
        given = [location, f"--num_epochs={epochs}", *args]
        assert run("train_eval", logdir, *given, config=stream_config) == 0
        return logdir

    return train


@pytest.fixture(scope="session")
def merged_run(train_few, made_once):
    """The logdir of a run whose words of unknown are classes of their own."""
    # in small batches: the network is far from other answers where an export rounds
    flags = ["--data_layer_params/merge_unknown=True", "--batch_size_per_gpu=8"]
    return made_once("merged_run", lambda folder: train_few(*flags, folder=folder)) / "run"
