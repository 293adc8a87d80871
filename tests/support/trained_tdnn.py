"""A model that the tests of trained models share; a fixture of tests/conftest.py."""

import functools

import pandas as pd
import pytest

from tests.support.paths import TINY


@pytest.fixture(scope="session")
def trained(run, made_once):
    """The logdir of a small TDNN of this package's classes, and its predictions by --mode=infer."""
    folder = made_once("trained", functools.partial(_train, run))
    return folder / "run", pd.read_csv(folder / "out.csv")


def _train(run, folder):
    layers = [
        {"kernel_size": 5, "num_channels": 24, "stride": 2, "dropout_keep_prob": 0.9},
        {"kernel_size": 1, "num_channels": 24},
    ]
    config = folder / "config.py"
    text = TINY.read_text().replace(
        '"encoder": PeakEncoder',
        f'"encoder": TDNNEncoder, "encoder_params": {{"convnet_layers": {layers}}}',
    )
    text = text.replace('"decoder": FullyConnectedDecoder', '"decoder": PooledDecoder')
    text = text.replace(
        "from open_seq2seq.decoders import FullyConnectedDecoder",
        "from open_seq2seq.decoders import PooledDecoder\n"
        "from open_seq2seq.encoders import TDNNEncoder",
    )
    config.write_text(text)
    args = [
        "--num_epochs=6",
        "--data_layer_params/hop_length=250",
        "--data_layer_params/audio_length=64",
    ]
    assert run("train_eval", folder / "run", *args, config=config) == 0
    output = folder / "out.csv"
    assert run("infer", folder / "run", *args, f"--infer_output_file={output}", config=config) == 0
