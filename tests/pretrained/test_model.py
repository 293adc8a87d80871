"""Trained models as objects: loading by path and by name, and predictions."""

import json

import numpy as np
import pytest

import open_seq2seq
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.decoders import PooledDecoder
from open_seq2seq.encoders import TDNNEncoder
from open_seq2seq.errors import UserError
from open_seq2seq.storage import architecture, checkpoints
from tests.support.archive_server import tar_gz
from tests.support.paths import TINY


def test_a_model_needs_no_config_and_predicts_what_infer_predicts(trained):
    logdir, rows = trained
    model = open_seq2seq.from_pretrained(logdir / "checkpoints" / "step-00000054")
    assert model.labels == LABELS["v2-12"]
    predictions = model.predict(rows["path"], batch_size=7)
    assert [p.path for p in predictions] == list(rows["path"])
    assert [p.label for p in predictions] == list(rows["label"])
    probabilities = [p.probability for p in predictions]
    np.testing.assert_allclose(probabilities, rows["probability"], atol=2e-6)
    assert all(p.probabilities.sum() == pytest.approx(1, abs=1e-5) for p in predictions)


def test_a_logdir_stands_for_its_best_checkpoint(trained):
    logdir, _ = trained
    model = open_seq2seq.from_pretrained(logdir)
    best = checkpoints.load_newest(logdir / "best_models")
    for weight in model.network.weights:
        np.testing.assert_array_equal(weight, best.model[weight.path])
    assert model.predict([]) == []


def test_names_come_from_registries(trained, tmp_path, monkeypatch):
    logdir, _ = trained
    mine, ours = tmp_path / "mine.json", tmp_path / "pretrained_models.json"
    mine.write_text(json.dumps({"tones": {"path": str(logdir)}, "gone": {"path": "nowhere"}}))
    ours.write_text(json.dumps({"project": {"path": str(logdir)}}))
    monkeypatch.chdir(tmp_path)
    assert open_seq2seq.from_pretrained("project").labels == LABELS["v2-12"]
    with pytest.raises(UserError, match=r"tones: neither a folder nor .* have project"):
        open_seq2seq.from_pretrained("tones")
    monkeypatch.setenv("OPEN_SEQ2SEQ_REGISTRY", str(mine))
    assert open_seq2seq.from_pretrained("tones").labels == LABELS["v2-12"]
    with pytest.raises(UserError, match="nowhere, which is missing"):
        open_seq2seq.from_pretrained("gone")
    mine.write_text("[]")
    with pytest.raises(UserError, match="expected JSON such as"):
        open_seq2seq.from_pretrained("tones")


def _packed(logdir, top=""):
    files = sorted(path for path in logdir.rglob("*") if path.is_file())
    return tar_gz(
        {f"{top}{path.relative_to(logdir).as_posix()}": path.read_bytes() for path in files}
    )


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
    """A function that serves an archive and registers it as "lamp"; the cache is in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPEN_SEQ2SEQ_REGISTRY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def publish(content):
        server.content = content
        archive = server.archive()
        entry = {"url": archive.url, "sha256": archive.sha256}
        (tmp_path / "pretrained_models.json").write_text(json.dumps({"lamp": entry}))

    return publish


@pytest.mark.parametrize("top", ["", "./run of june/"])
def test_a_fetched_model_predicts_the_same_and_is_fetched_once(trained, publish, server, top):
    logdir, rows = trained
    publish(_packed(logdir, top))
    paths = rows["path"][:8]
    expected = open_seq2seq.from_pretrained(logdir).predict(paths)
    for download in (True, True, False):
        predictions = open_seq2seq.from_pretrained("lamp", download=download).predict(paths)
        assert [(p.path, p.label) for p in predictions] == [(p.path, p.label) for p in expected]
        np.testing.assert_allclose(
            [p.probabilities for p in predictions], [p.probabilities for p in expected], atol=1e-6
        )
    assert server.seen == [(None, 200)]


def test_nothing_is_fetched_without_download(trained, publish, server, tmp_path):
    logdir, _ = trained
    publish(_packed(logdir))
    with pytest.raises(
        UserError, match=rf'lamp", download=True\) fetches {server.archive().url} and keeps it in'
    ):
        open_seq2seq.from_pretrained("lamp")
    assert server.seen == []
    assert not (tmp_path / "cache").exists()


def test_a_network_with_a_custom_encoder_needs_its_config(run, tmp_path):
    # the tiny config defines its encoder itself
    assert run("train", tmp_path / "run", "--num_epochs=None", "--max_steps=1") == 0
    with pytest.raises(UserError, match="name the config that it was trained with"):
        open_seq2seq.from_pretrained(tmp_path / "run")
    model = open_seq2seq.from_pretrained(tmp_path / "run", config_file=str(TINY))
    assert model.labels == LABELS["v2-12"]


def test_folders_without_a_model_are_refused(tmp_path):
    with pytest.raises(UserError, match="no checkpoint in it"):
        open_seq2seq.from_pretrained(tmp_path)


def test_an_architecture_names_only_classes_of_this_package():
    encoder = TDNNEncoder(convnet_layers=[{"kernel_size": [3], "num_channels": 4}])
    decoder = PooledDecoder(pooling="max")
    layer = SpeechCommandsDataLayer(num_audio_features=20, dataset_files=["secret.csv"])
    described = json.loads(json.dumps(architecture.describe(encoder, decoder, layer)))
    assert "secret" not in str(described)
    parts = (encoder, decoder, layer.model_copy(update={"dataset_files": []}))
    assert architecture.read(described, "x") == parts
    foreign = {
        **described["data_layer_params"],
        "cache_data": "images",
        "cache_dir": "/home/me",
        "dataset_files": ["a.csv"],
    }
    assert architecture.read({**described, "data_layer_params": foreign}, "x") == parts
    for wrong in ("annotations", "ConvLayer", "ResNetEncoder.__init__", "os.system"):
        with pytest.raises(UserError, match="has no"):
            architecture.read({**described, "encoder": wrong}, "x")
    with pytest.raises(UserError, match="unknown parameter 'pool'"):
        architecture.read({**described, "decoder_params": {"pool": "max"}}, "x")
    custom = encoder.model_copy(update={"activation_fn": abs})
    assert architecture.describe(custom, PooledDecoder(), layer) is None


def test_a_second_model_in_one_process_can_be_loaded(trained):
    """Keras numbers dropout's seeds through the whole process; a checkpoint must not."""
    logdir, rows = trained
    first, second = (open_seq2seq.from_pretrained(logdir) for _ in range(2))
    paths = rows["path"][:4]
    assert [p.label for p in first.predict(paths)] == [p.label for p in second.predict(paths)]
