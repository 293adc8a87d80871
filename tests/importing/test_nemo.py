"""Import of NeMo archives: parity of logits, the files written, and what is refused."""

import copy
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import yaml

from open_seq2seq import cli
from open_seq2seq.commands import import_nemo
from open_seq2seq.config import load_config
from open_seq2seq.data.augment import NO_AUGMENTATION, no_draws
from open_seq2seq.data.samples import reflect_after_end
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.errors import UserError
from open_seq2seq.importing import nemo_archive
from open_seq2seq.importing.checkpoint import network_of
from open_seq2seq.importing.nemo import import_archive
from open_seq2seq.lazy import tf
from open_seq2seq.storage import checkpoints, variables
from open_seq2seq.structs import Clips
from tests.support import parity, torch_files
from tests.support.log_lines import collected
from tests.support.torch_files import layer, matchboxnet_layers, nemo_config, nemo_file

N_MFCC = 12
N_FRAMES = 40
WORDS = ["down", "go", "left", "yes"]
# every kind of layer, with few channels
SMALL = [
    layer(16, 11),
    layer(8, 5, repeat=2, residual=True),
    layer(8, 7, repeat=3, separable=False, residual=True),
    layer(8, 5, dilation=2),
    layer(16, 1, separable=False),
]


def random_weights(layers, n_features, n_labels, *, conv=".conv", seed=0):
    """A state dict with random weights and all the keys of NeMo's."""
    rng = np.random.default_rng(seed)
    weights = {
        "preprocessor.featurizer.dct_mat": np.eye(n_features, dtype=np.float32),
        "preprocessor.featurizer.MelSpectrogram.spectrogram.window": np.ones(400, np.float32),
    }

    def convolution(key, n_out, n_in, kernel):
        scale = np.sqrt(2 / (n_in * kernel))
        values = scale * rng.standard_normal((n_out, n_in, kernel))
        weights[f"{key}{conv}.weight"] = values.astype(np.float32)

    def norm(key, channels):
        weights[f"{key}.weight"] = rng.uniform(0.8, 1.2, channels).astype(np.float32)
        weights[f"{key}.bias"] = rng.normal(0, 0.1, channels).astype(np.float32)
        weights[f"{key}.running_mean"] = rng.normal(0, 0.1, channels).astype(np.float32)
        weights[f"{key}.running_var"] = rng.uniform(0.5, 1.5, channels).astype(np.float32)
        weights[f"{key}.num_batches_tracked"] = np.array(1000, np.int64)

    channels = n_features
    for block, entry in enumerate(layers):
        key, width = f"encoder.encoder.{block}", entry["filters"]
        n_in, index = channels, 0
        for repeat in range(entry["repeat"]):
            if entry["separable"]:
                convolution(f"{key}.mconv.{index}", n_in, 1, entry["kernel"][0])
                convolution(f"{key}.mconv.{index + 1}", width, n_in, 1)
                index += 2
            else:
                convolution(f"{key}.mconv.{index}", width, n_in, entry["kernel"][0])
                index += 1
            norm(f"{key}.mconv.{index}", width)
            index += 1
            if repeat < entry["repeat"] - 1:
                index += 2  # activation and dropout have no weights
            n_in = width
        if entry["residual"]:
            convolution(f"{key}.res.0.0", width, channels, 1)
            norm(f"{key}.res.0.1", width)
        channels = width
    decoder = "decoder.decoder_layers.0"
    weights[f"{decoder}.weight"] = rng.standard_normal((n_labels, channels)).astype(np.float32)
    weights[f"{decoder}.bias"] = rng.standard_normal(n_labels).astype(np.float32)
    return weights


def reference_logits(weights, layers, features, pooling="avg"):
    """MatchboxNet in NumPy and float64, in PyTorch's layout: features [batch, channels, frames]."""

    def find(key):
        return next(
            weights[name].astype(np.float64)
            for name in (f"{key}.conv.weight", f"{key}.weight")
            if name in weights
        )

    def convolve(x, kernel, dilation=1):
        taps, channels = kernel.shape[2], x.shape[1]
        half = dilation * (taps - 1) // 2
        padded = np.pad(x, ((0, 0), (0, 0), (half, half)))
        windows = np.stack(
            [padded[:, :, dilation * t : dilation * t + x.shape[2]] for t in range(taps)], -1
        )
        if kernel.shape[1] == 1 and channels > 1:  # depthwise
            return np.einsum("bctk,ck->bct", windows, kernel[:, 0])
        return np.einsum("bctk,ock->bot", windows, kernel)

    def normalize(x, key):
        scale, shift, mean, variance = (
            weights[f"{key}.{name}"].astype(np.float64)[:, None]
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * scale + shift

    x = features.astype(np.float64)
    for block, entry in enumerate(layers):
        key, before, index = f"encoder.encoder.{block}", x, 0
        for repeat in range(entry["repeat"]):
            x = convolve(x, find(f"{key}.mconv.{index}"), entry["dilation"][0])
            index += 1
            if entry["separable"]:
                x = convolve(x, find(f"{key}.mconv.{index}"))
                index += 1
            x = normalize(x, f"{key}.mconv.{index}")
            index += 3
            if repeat < entry["repeat"] - 1:
                x = np.maximum(x, 0)
        if entry["residual"]:
            x = x + normalize(convolve(before, find(f"{key}.res.0.0")), f"{key}.res.0.1")
        x = np.maximum(x, 0)
    pooled = x.mean(2) if pooling == "avg" else x.max(2)
    kernel, bias = (weights[f"decoder.decoder_layers.0.{name}"] for name in ("weight", "bias"))
    return pooled @ kernel.T.astype(np.float64) + bias.astype(np.float64)


def small_config(**more):
    return nemo_config(WORDS, copy.deepcopy(SMALL), n_mfcc=N_MFCC, audio_length=N_FRAMES, **more)


@pytest.fixture(scope="module")
def weights():
    return random_weights(SMALL, N_MFCC, len(WORDS))


def loaded(folder):
    """Load the config as run.py does, and the checkpoint beside it, into a model."""
    config = load_config(str(folder / "config.py"), "infer", {})
    assert config.params.logdir == str(folder)
    checkpoint = checkpoints.load_newest(folder / "checkpoints")
    model = network_of(config, len(checkpoint.labels))
    variables.assign(model.variables, checkpoint.model, "model")
    return config, checkpoint, model


def logits_of(model, features, lengths=None):
    """Return the logits of features in NeMo's layout, [batch, channels, frames]."""
    if lengths is None:
        lengths = np.full(len(features), features.shape[2])
    batch = {"features": features.transpose(0, 2, 1), "lengths": lengths.astype(np.int32)}
    return model(batch, training=False).numpy()


@pytest.mark.parametrize(("gz", "prefix"), [(False, "./"), (True, "")])
def test_an_imported_archive_has_nemos_logits(tmp_path, gz, prefix):
    arrays, meta = parity.load("matchboxnet_3x1x64.npz")
    weights = {key.removeprefix("w/"): arrays[key] for key in arrays if key.startswith("w/")}
    config = nemo_config(meta["labels"], matchboxnet_layers())
    path = nemo_file(tmp_path / "matchboxnet.nemo", config, weights, gz=gz, prefix=prefix)
    import_archive(path, tmp_path / "out")
    config, checkpoint, model = loaded(tmp_path / "out")
    assert list(checkpoint.labels) == meta["labels"]
    for ending in ("", "_masked"):
        logits = logits_of(model, arrays["mfcc"], arrays[f"lengths{ending}"])
        parity.assert_close_to_largest(logits, arrays[f"logits{ending}"])

    front_end = config.data_layers["infer"]
    engine = SpectralEngine(front_end)
    samples = np.pad(arrays["wave"] * 32768, ((0, 0), (0, engine.extent.n_samples - 16000)))
    lengths = np.array([16000, 16000], np.int32)
    reflect_after_end(samples, lengths, front_end.n_fft // 2)
    clips = Clips.of(samples, lengths, no_draws(NO_AUGMENTATION, 2))
    features = engine.features(Clips(*map(tf.constant, clips))).numpy()
    logits = logits_of(model, features.transpose(0, 2, 1))
    parity.assert_close_to_largest(logits, arrays["wave_padded_logits"])


@pytest.mark.parametrize(
    ("layers", "conv_mask", "pooling"),
    [(SMALL, True, "avg"), (SMALL, False, "max"), (matchboxnet_layers(2), True, "avg")],
)
def test_an_archive_of_random_weights_has_the_logits_of_numpy(tmp_path, layers, conv_mask, pooling):
    config = nemo_config(WORDS, layers, n_mfcc=N_MFCC, audio_length=N_FRAMES)
    config["encoder"]["conv_mask"] = conv_mask
    config["decoder"]["pooling_type"] = pooling
    weights = random_weights(layers, N_MFCC, len(WORDS), conv=".conv" if conv_mask else "")
    import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    written, _, model = loaded(tmp_path / "out")
    assert written.encoder.use_conv_mask == conv_mask
    features = np.random.default_rng(1).standard_normal((3, N_MFCC, N_FRAMES)).astype(np.float32)
    expected = reference_logits(weights, layers, features, pooling)
    parity.assert_close_to_largest(logits_of(model, features), expected)


def test_the_files_written_are_ready_for_use(tmp_path, tone, write_wav, weights, capsys):
    config = small_config()
    # dropout has variables too, which the archive lacks
    config["encoder"]["jasper"][1]["dropout"] = 0.1
    path = nemo_file(tmp_path / 'a\'b"""\n.nemo', config, weights)
    import_nemo.main([str(path), f"--output_dir={tmp_path / 'runs' / 'out'}"])
    folder = tmp_path / "runs" / "out"
    names = sorted(entry.name for entry in folder.iterdir())
    assert names == ["checkpoints", "config.py", "labels.txt"]
    assert [entry.name for entry in folder.parent.iterdir()] == ["out"]
    assert (folder / "labels.txt").read_text().split() == WORDS
    assert f"--config_file={folder / 'config.py'}" in capsys.readouterr().out
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", folder / "config.py"],
        check=True,
    )
    style = ["--isolated", "--line-length=120", "--check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", *style, folder / "config.py"], check=True
    )

    clip = write_wav("clip.wav", tone(440))
    moved = folder.rename(tmp_path / "moved")
    assert cli.main([f"--config_file={moved / 'config.py'}", "--mode=infer", str(clip)]) == 0
    output = capsys.readouterr().out
    assert any(f"clip.wav: {word} (" in output for word in WORDS)


def test_the_config_has_the_settings_of_the_archive(tmp_path, weights):
    config = small_config()
    config["preprocessor"] |= {
        "window_size": 0.0301,
        "n_mels": 20,
        "lowfreq": 50,
        "highfreq": 7000.0,
    }
    # half of 22 is 11, the kernel of the weights
    config["encoder"]["jasper"][0] |= {"dropout": 0.25, "kernel": [22], "kernel_size_factor": 0.5}
    import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    written = load_config(str(tmp_path / "out" / "config.py"), "train", {})
    infer, train = written.data_layers["infer"], written.data_layers["train"]
    assert (infer.features, infer.num_audio_features, infer.num_mels) == ("mfcc", N_MFCC, 20)
    assert (infer.n_fft, infer.win_length, infer.hop_length) == (512, 481, 160)
    assert (infer.fmin, infer.fmax, infer.sample_rate) == (50.0, 7000.0, 16000)
    assert (infer.frame_padding, infer.audio_length) == ("reflect", N_FRAMES)
    assert infer.read_labels() == tuple(WORDS)
    assert (train.time_masks, train.freq_mask_width) == (2, 15)
    assert (train.cutouts, train.cutout_freq) == (5, 15)
    assert (train.noise_level_min, train.noise_level_max) == (-90.0, -46.0)
    assert train.time_shift_ms == 5.0
    kernels = [layer.frames("kernel_size") for layer in written.encoder.convnet_layers]
    assert kernels == [11, 5, 7, 5, 1]
    assert written.encoder.convnet_layers[0].dropout_keep_prob == 0.75
    assert (written.encoder.bn_epsilon, written.decoder.pooling) == (1e-3, "mean")


def test_references_and_settings_of_older_archives_are_read(tmp_path, weights):
    config = small_config(repeat=2, dropout=0.0, timesteps=N_FRAMES)
    encoder = config["encoder"]
    encoder["jasper"][1] |= {"repeat": "${model.repeat}", "dropout": "${dropout}"}
    config["crop_or_pad_augment"]["audio_length"] = "${model.timesteps}"
    config["train_ds"]["labels"] = "${labels}"
    config["encoder"] = {"cls": encoder.pop("_target_"), "params": encoder}
    import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    written = load_config(str(tmp_path / "out" / "config.py"), "infer", {})
    assert written.encoder.convnet_layers[1].repeat == 2
    assert written.data_layers["infer"].audio_length == N_FRAMES


UNSORTED = ["yes", "left", "go", "down"]


@pytest.mark.parametrize(
    ("train_labels", "flags", "expected"),
    [
        (UNSORTED, [], WORDS),  # NeMo sorts, whatever the config lists
        (None, [], WORDS),
        (UNSORTED, ["--label_order=sorted"], WORDS),
        (None, ["--label_order=config"], UNSORTED),
    ],
)
def test_labels_have_the_order_that_the_network_was_trained_with(
    tmp_path, weights, capsys, train_labels, flags, expected
):
    config = small_config() | {"labels": UNSORTED}
    config["train_ds"]["labels"] = train_labels
    path = nemo_file(tmp_path / "a.nemo", config, weights)
    import_nemo.main([str(path), f"--output_dir={tmp_path / 'out'}", *flags])
    assert (tmp_path / "out" / "labels.txt").read_text().split() == expected
    output = capsys.readouterr().out
    if expected == WORDS:
        assert "assumed to be sorted by name" in output and "try --label_order=config" in output
    else:
        assert "in the order of the archive" in output and "try --label_order=sorted" in output
    assert f": {' '.join(expected)}. " in output


def test_images_have_128_frames_if_the_archive_does_not_say(tmp_path, weights):
    config = small_config()
    del config["crop_or_pad_augment"]
    with collected() as lines:
        import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    written = load_config(str(tmp_path / "out" / "config.py"), "infer", {})
    assert written.data_layers["infer"].audio_length == 128
    assert any("does not give the number of frames" in line for line in lines)


def test_sorted_labels_need_no_note(tmp_path, weights, capsys):
    path = nemo_file(tmp_path / "a.nemo", small_config(), weights)
    import_nemo.main([str(path), f"--output_dir={tmp_path / 'out'}"])
    assert "note" not in capsys.readouterr().out


def test_labels_may_have_any_space_or_joiner(tmp_path, weights):
    labels = ["da\u200dwn", "go\u00a0on", "left", "yes"]
    config = small_config() | {"labels": labels}
    config["train_ds"]["labels"] = labels
    import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    assert loaded(tmp_path / "out")[1].labels == tuple(labels)


def test_outputs_can_be_reordered_to_match_manifests(tmp_path, weights):
    path = nemo_file(tmp_path / "a.nemo", small_config(), weights)
    import_archive(path, tmp_path / "theirs")
    labels = tmp_path / "labels.txt"
    labels.write_text("yes\ndown\nleft\ngo\n")
    import_archive(path, tmp_path / "ours", labels_file=labels)
    features = np.random.default_rng(1).standard_normal((2, N_MFCC, N_FRAMES)).astype(np.float32)
    theirs, ours = (logits_of(loaded(tmp_path / name)[2], features) for name in ("theirs", "ours"))
    np.testing.assert_array_equal(ours, theirs[:, [3, 0, 2, 1]])
    assert loaded(tmp_path / "ours")[1].labels == ("yes", "down", "left", "go")
    labels.write_text("yes\nno\n")
    with pytest.raises(UserError, match="yes no, expected those of the archive in any order"):
        import_archive(path, tmp_path / "third", labels_file=labels)


def set_entry(config, path, value):
    """Set an entry of a configuration, at keys separated by slashes."""
    *keys, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    for key in keys:
        config = config[key]
    config[last] = value


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        (
            "target",
            "nemo.collections.asr.models.EncDecCTCModel",
            "expected EncDecClassificationModel",
        ),
        (
            "encoder/_target_",
            "nemo.collections.asr.modules.ConformerEncoder",
            "encoder: its class is .*Conformer",
        ),
        ("encoder/activation", "hardtanh", "expected one of relu"),
        ("encoder/normalization_mode", "layer", "normalization_mode: 'layer', only 'batch'"),
        ("encoder/jasper", [], "expected a list of layers"),
        ("encoder/jasper/0/se", True, "jasper/0/se: True"),
        ("encoder/jasper/1/residual_dense", True, "residual_dense"),
        ("encoder/jasper/1/stride", [2], "jasper/1/stride: only 1"),
        ("encoder/jasper/1/kernel", "wide", "jasper/1/kernel: expected a whole number, got 'wide'"),
        ("encoder/jasper/1/filters", 0, "filters: expected 1 to"),
        ("encoder/jasper/1/repeat", 10**9, "repeat: expected 1 to"),
        ("encoder/jasper/1/attention", 4, "jasper/1/attention: unknown key with the value 4"),
        ("encoder/jasper/1/future_context", 2, "only symmetric padding"),
        ("decoder/_target_", "nemo.collections.asr.modules.SpeakerDecoder", "decoder: its class"),
        ("decoder/pooling_type", "attention", "pooling_type"),
        (
            "preprocessor/_target_",
            "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
            "AudioToMFCC",
        ),
        ("preprocessor/window", "hamming", "window: 'hamming', only 'hann'"),
        (
            "preprocessor/sample_rate",
            8000,
            "sample_rate: 16000 contradicts the preprocessor's, 8000",
        ),
        ("labels", [True, False], "each in quotes"),  # yes and no without quotes, in YAML
        ("labels", ["a", "a"], "each once"),
        ("labels", ["a\nb", "c"], "each once"),
        ("train_ds/labels", ["up", "down", "left", "right"], "expected the archive's labels"),
    ],
)
def test_settings_of_other_networks_are_refused(tmp_path, weights, entry, value, message):
    config = small_config()
    set_entry(config, entry, value)
    with pytest.raises(UserError, match=message):
        import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nemo"]


@pytest.mark.parametrize("missing", ["encoder", "decoder", "preprocessor", "labels"])
def test_missing_parts_are_named(tmp_path, weights, missing):
    config = small_config()
    del config[missing]
    config["train_ds"] = None
    with pytest.raises(UserError, match=f"\n  {missing}: "):
        import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")


def test_weights_that_do_not_match_are_all_named_and_nothing_is_written(tmp_path, weights):
    changed = dict(weights)
    del changed["encoder.encoder.1.mconv.0.conv.weight"]
    changed["encoder.encoder.4.mconv.0.conv.weight"] = np.zeros((16, 8, 3), np.float32)
    changed["encoder.encoder.0.mconv.2.bias"] = np.full(16, np.nan, np.float32)
    changed["decoder.decoder_layers.2.weight"] = np.zeros((4, 4), np.float32)
    path = nemo_file(tmp_path / "a.nemo", small_config(), changed)
    with pytest.raises(UserError) as refused:
        import_archive(path, tmp_path / "out")
    message = str(refused.value)
    for expected in (
        "(4 differences)",
        "encoder.encoder.1.mconv.0.weight: missing",
        "encoder.encoder.4.mconv.0.conv.weight: shape (16, 8, 3), expected (16, 8, 1)",
        "encoder.encoder.0.mconv.2.bias: some of its values are not finite",
        "decoder.decoder_layers.2.weight: no layer",
    ):
        assert expected in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nemo"]


def test_a_folder_that_is_not_empty_is_left_unchanged(tmp_path, weights):
    path = nemo_file(tmp_path / "a.nemo", small_config(), weights)
    (tmp_path / "empty").mkdir()
    import_archive(path, tmp_path / "empty")
    for output in (tmp_path / "empty", path):
        with pytest.raises(UserError, match="is not an empty folder"):
            import_archive(path, output)


def test_a_malicious_pickle_in_an_archive_runs_nothing(tmp_path):
    class Harm:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'trace')!r}, 'w')",)

    for weights in (torch_files.torch_file(Harm()), torch_files.torch_file({"a": Harm()})):
        path = nemo_file(tmp_path / "a.nemo", small_config(), weights)
        with pytest.raises(UserError, match=r"asks for '__builtin__\.exec'.*nothing in it was run"):
            import_archive(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nemo"]


def test_yaml_with_python_objects_is_refused(tmp_path, weights):
    text = f"labels: !!python/object/apply:os.system ['touch {tmp_path / 'trace'}']\n"
    with pytest.raises(UserError, match="cannot be read as YAML"):
        import_archive(nemo_file(tmp_path / "a.nemo", text, weights), tmp_path / "out")
    assert not (tmp_path / "trace").exists()
    with pytest.raises(UserError, match="expected keys and values"):
        import_archive(nemo_file(tmp_path / "a.nemo", "- 1\n", weights), tmp_path / "out")


LAUGHS = "a0: &a0 [x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels: &a [*a]\n", "more than 20,000 values"),
        (LAUGHS + "labels: *a39\n", "more than 20,000 values"),
        (MERGES, "a merge key"),
        ("[" * 50_000, "recursion"),
        ("labels: 2001-01-01 00:00:00 +99:00\n", "offset must be"),
        ("labels: !!int ''\n", "index out of range"),
        ("labels: !!timestamp x\n", "NoneType"),
    ],
    ids=["cycle", "laughs", "merges", "deep", "date", "int", "timestamp"],
)
def test_yaml_that_is_endless_or_has_invalid_values_is_refused(tmp_path, weights, text, message):
    with pytest.raises(UserError, match=message) as error:
        import_archive(nemo_file(tmp_path / "a.nemo", text, weights), tmp_path / "out")
    assert len(str(error.value)) < 1000


def test_a_list_that_refers_to_itself_in_each_item_is_refused(tmp_path, weights):
    config = small_config() | {"labels": ["${labels}"] * 300}
    with pytest.raises(UserError, match="labels: expected a list of words"):
        import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")


def test_a_network_with_too_many_layers_is_refused_before_it_is_built(tmp_path, weights):
    config = small_config()
    config["encoder"]["jasper"] = [layer(8, 5, repeat=9000)] * 100
    text = yaml.dump(config, Dumper=NoAliases)
    with pytest.raises(
        UserError, match="encoder/jasper: 900,000 convolutions, expected 1,000 at most"
    ):
        import_archive(nemo_file(tmp_path / "a.nemo", text, weights), tmp_path / "out")
    config["encoder"]["jasper"] = [{f"x{i}": i} for i in range(1000)]
    with pytest.raises(UserError, match=r"and [\d,]+ more$") as error:
        import_archive(nemo_file(tmp_path / "a.nemo", config, weights), tmp_path / "out")
    assert len(str(error.value)) < 4000


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.nemo")
    with pytest.raises(UserError, match="It is a pipe, expected a file"):
        import_archive(tmp_path / "a.nemo", tmp_path / "out")


def member(name, kind=tarfile.REGTYPE, size=0, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (member("../evil"), "path out of the archive"),
        (member("/etc/evil"), "path out of the archive"),
        (member("a/../../evil"), "path out of the archive"),
        (member("link", tarfile.SYMTYPE, target="/etc/passwd"), "not a regular file"),
        (member("link", tarfile.LNKTYPE, target="model_weights.ckpt"), "not a regular file"),
        (member("device", tarfile.CHRTYPE), "not a regular file"),
        (member("pipe", tarfile.FIFOTYPE), "not a regular file"),
        (member("model_config.yaml"), "appears twice"),
    ],
)
def test_an_archive_with_unsafe_members_is_refused(tmp_path, weights, extra, message):
    path = nemo_file(tmp_path / "a.nemo", small_config(), weights, extra=[(extra, b"")])
    with pytest.raises(UserError, match=message):
        import_archive(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nemo"]


@pytest.mark.parametrize(
    ("name", "size"),
    [("model_weights.ckpt", 257 << 20), ("model_config.yaml", 2 << 20), ("x", 1 << 40)],
)
def test_a_huge_member_is_refused_before_it_is_read(tmp_path, name, size):
    path = tmp_path / "a.nemo"
    path.write_bytes(member(name, size=size).tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(UserError, match=f"member {name!r} has {size:,} bytes"):
        import_archive(path, tmp_path / "out")


def test_a_small_file_that_expands_to_a_huge_one_is_refused(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(nemo_archive, "_MAX_TOTAL_BYTES", 1 << 20)
    extra = [(member(f"{i}", size=1 << 18), bytes(1 << 18)) for i in range(5)]
    path = nemo_file(tmp_path / "a.nemo", small_config(), weights, gz=True, extra=extra)
    assert path.stat().st_size < 1 << 18
    with pytest.raises(UserError, match="more than 1 MB in it"):
        import_archive(path, tmp_path / "out")


def test_files_that_are_not_archives_are_refused(tmp_path, weights):
    path = nemo_file(tmp_path / "a.nemo", small_config(), weights, gz=True)
    content = path.read_bytes()
    for broken in (
        b"",
        b"no tar",
        content[: len(content) // 2],
        content[:100] + bytes(500) + content[600:],
    ):
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r"cannot be read as a \.nemo archive|no model_"):
            import_archive(path, tmp_path / "out")
    with tarfile.open(path, "w") as tar:
        torch_files.add(tar, "model_config.yaml", yaml.safe_dump(small_config()).encode())
    with pytest.raises(UserError, match=r"no model_weights\.ckpt in it"):
        import_archive(path, tmp_path / "out")
    with pytest.raises(UserError, match="No such file"):
        import_archive(tmp_path / "missing.nemo", tmp_path / "out")
