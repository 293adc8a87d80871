"""Import of OpenSeq2Seq's TensorFlow 1 checkpoints: parity of logits, and what is refused."""

import re
import shlex

import numpy as np
import pytest

from open_seq2seq import cli
from open_seq2seq.commands import import_openseq2seq
from open_seq2seq.config import load_config
from open_seq2seq.errors import UserError
from open_seq2seq.importing import names, openseq2seq
from open_seq2seq.importing.checkpoint import network_of
from open_seq2seq.lazy import tf
from open_seq2seq.storage import checkpoints, variables
from tests.support import parity
from tests.support.paths import EXAMPLES, TINY
from tests.support.tones import make_tone, save_wav

RESNET50 = EXAMPLES / "resnet50.py"
RESNET18 = [f"--config_file={RESNET50}", "--encoder_params/resnet_size=18"]
N_FRAMES, N_MELS, N_LABELS = 20, 6, 3
# (block's kernel, stride, dilation, channels, repeat, residual, dense)
BLOCKS = [
    (5, 2, 1, 8, 1, False, False),
    (3, 1, 1, 8, 2, True, False),
    (3, 1, 2, 4, 1, False, False),
]
DENSE = [(5, 1, 1, 8, 1, False, False), (3, 1, 1, 8, 2, True, True), (3, 1, 1, 4, 2, True, True)]
CONFIG = """
from example_configs.speech_commands import jasper10x3

base_model = jasper10x3.base_model
base_params = {{
    **jasper10x3.base_params,
    "logdir": {logdir!r},
    "encoder_params": {{"convnet_layers": {layers!r}, "dropout_keep_prob": 0.8}},
    "data_layer_params": {{"num_audio_features": {n_mels}, "audio_length": {n_frames}}},
}}
"""


@pytest.fixture(autouse=True)
def labels_file(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("yes\nno\nsilence\n")
    return path


# a quarter of n_fft, and what short clips were padded with
OLD_FRONT_END = ("--data_layer_params/hop_length=256", "--data_layer_params/pad_value=0.0")


def write_checkpoint(path, values, step=1234):
    """Write variables with TensorFlow 1's Saver and return the checkpoint's name."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            name: tf.compat.v1.Variable(value, name="v", dtype=value.dtype)
            for name, value in values.items()
        }
        session.run(tf.compat.v1.global_variables_initializer())
        return tf.compat.v1.train.Saver(variables).save(
            session, str(path), global_step=step, write_meta_graph=False
        )


def jasper(blocks, scope="w2l_encoder", conv2d=False):
    """Return random variables of a Jasper by OpenSeq2Seq's names, features, and their logits.

    The logits come from a graph of TensorFlow's basic operations, with OpenSeq2Seq's padding,
    BatchNorm and order of frames and channels.
    """
    rng = np.random.default_rng(0)
    values = {}
    features = rng.standard_normal((2, N_FRAMES, N_MELS)).astype(np.float32)
    encoder = f"ForwardPass/{scope}"

    def convolve(x, name, kernel, channels, stride=1, dilation=1):
        n_in = x.shape[3]
        weights = rng.standard_normal((kernel, n_in, channels)) * np.sqrt(2 / (kernel * n_in))
        weights = weights.astype(np.float32)
        values[f"{name}/kernel"] = weights[:, None] if conv2d else weights
        return tf.nn.conv2d(
            x, weights[:, None], [1, stride, 1, 1], "SAME", dilations=[1, dilation, 1, 1]
        )

    def normalize(x, name):
        gamma, beta, mean = (rng.normal(m, 0.1, x.shape[3]).astype(np.float32) for m in (1, 0, 0))
        variance = rng.uniform(0.5, 1.5, x.shape[3]).astype(np.float32)
        values[f"{name}/gamma"] = gamma
        values[f"{name}/beta"] = beta
        values[f"{name}/moving_mean"] = mean
        values[f"{name}/moving_variance"] = variance
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.constant(features[:, :, None])
        dense = []
        for block, (kernel, stride, dilation, channels, repeat, residual, is_dense) in enumerate(
            blocks, start=1
        ):
            inputs = [x]
            if is_dense:
                dense.append(x)
                inputs = dense
            for i in range(1, repeat + 1):
                name = f"{encoder}/conv{block}{i}"
                x = normalize(convolve(x, name, kernel, channels, stride, dilation), f"{name}/bn")
                if residual and i == repeat:
                    for j, value in enumerate(inputs):
                        end = f"_{j}" if is_dense else ""
                        x += normalize(
                            convolve(value, f"{name}/res{end}", 1, channels), f"{name}/res_bn{end}"
                        )
                x = tf.nn.relu(x)
        decoder = "ForwardPass/fully_connected_decoder/fully_connected"
        width = x.shape[1] * x.shape[3]
        values[f"{decoder}/kernel"] = (
            rng.standard_normal((width, N_LABELS)) / np.sqrt(width)
        ).astype(np.float32)
        values[f"{decoder}/bias"] = rng.standard_normal(N_LABELS).astype(np.float32)
        logits = tf.reshape(x, [2, width]) @ values[f"{decoder}/kernel"] + values[f"{decoder}/bias"]
        return values, features, session.run(logits)


def jasper_config(tmp_path, blocks=BLOCKS, conv2d=False):
    keys = (
        "kernel_size",
        "stride",
        "dilation",
        "num_channels",
        "repeat",
        "residual",
        "residual_dense",
    )
    layers = [
        dict(zip(keys, block, strict=True)) | {"type": "conv2d" if conv2d else "conv1d"}
        for block in blocks
    ]
    path = tmp_path / "config.py"
    text = CONFIG.format(
        logdir=str(tmp_path / "logdir"), layers=layers, n_mels=N_MELS, n_frames=N_FRAMES
    )
    path.write_text(text)
    return path


def import_jasper(tmp_path, values, blocks=BLOCKS, **options):
    """Import variables with the script and return the logdir."""
    checkpoint = write_checkpoint(tmp_path / "original" / "model.ckpt", values)
    config = jasper_config(tmp_path, blocks, **options)
    import_openseq2seq.main(
        [checkpoint, f"--config_file={config}", f"--labels_file={tmp_path / 'labels.txt'}"]
    )
    return tmp_path / "logdir"


def logits_of(config_file, logdir, features, overrides=None):
    """Load the config as run.py does and the checkpoint in ``logdir``; return the logits."""
    config = load_config(str(config_file), "infer", overrides or {})
    checkpoint = checkpoints.load_newest(logdir / "checkpoints")
    model = network_of(config, len(checkpoint.labels))
    variables.assign(model.variables, checkpoint.model, "model")
    lengths = np.full(len(features), features.shape[1], np.int32)
    return model({"features": features, "lengths": lengths}, training=False).numpy()


@pytest.mark.slow
def test_an_imported_resnet18_has_openseq2seqs_logits(tmp_path, capsys):
    arrays, meta = parity.load("resnet18.npz")
    values = {
        name: parity.original_weight(name, entry["shape"], entry["kind"])
        for name, entry in meta["variables"].items()
    }
    slots = {
        f"Loss_Optimization/{name}/Momentum": np.zeros(entry["shape"], np.float32)
        for name, entry in meta["variables"].items()
        if entry["trainable"]
    }
    checkpoint = write_checkpoint(
        tmp_path / "model.ckpt", values | slots | {"global_step": np.array(1200, np.int64)}
    )
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"word{i}\n" for i in range(12)))
    output = tmp_path / "out"
    import_openseq2seq.main(
        [checkpoint, *RESNET18, f"--labels_file={labels}", f"--output_dir={output}"]
    )
    features = arrays["input"][..., 0]
    logits = logits_of(RESNET50, output, features, {"encoder_params/resnet_size": 18})
    parity.assert_close_to_largest(logits, arrays["logits"])
    text = capsys.readouterr().out
    target = output / "checkpoints" / "step-00001200"
    assert f"{len(values)} variables imported into {target}" in text
    assert "warning" not in text
    # 1024 / 4: what it heard, whatever its config said
    heard = "--data_layer_params/hop_length=256 --data_layer_params/pad_value=0.0"
    assert f"the front end is OpenSeq2Seq's: {heard}; " in text
    (tried,) = re.findall(r"^try it: open-seq2seq (.*) CLIP.wav$", text, re.MULTILINE)
    clip = save_wav(tmp_path / "clip.wav", make_tone(700.0))
    assert cli.main([*shlex.split(tried), str(clip)]) == 0
    assert re.search(r"clip\.wav: word\d+ ", capsys.readouterr().out)
    _, _, progress, info = checkpoints.load_newest(output / "checkpoints")
    assert (progress.step, progress.best_top1) == (1200, -1.0)
    assert (info.labels[1], info.dataset_version) == ("word1", "v1-12")


@pytest.mark.parametrize(
    ("blocks", "scope", "conv2d"),
    [(BLOCKS, "w2l_encoder", False), (DENSE, "tdnn_encoder", True), (BLOCKS, "any", True)],
)
def test_an_imported_jasper_has_the_logits_of_a_graph_built_by_hand(
    tmp_path, blocks, scope, conv2d
):
    values, features, expected = jasper(blocks, scope, conv2d)
    logdir = import_jasper(tmp_path, values, blocks, conv2d=conv2d)
    parity.assert_close_to_largest(logits_of(tmp_path / "config.py", logdir, features), expected)


def test_float32_copies_of_mixed_precision_are_preferred(tmp_path, capsys):
    values, features, expected = jasper(BLOCKS)
    is_half = [name for name in values if name.endswith(("kernel", "bias"))]
    mixed = dict(values)
    for name in is_half:
        mixed[name] = (values[name] * 1.5).astype(np.float16)  # wrong, so that its use would show
        mixed[f"Loss_Optimization/FP32-master-copy/{name}"] = values[name]
        mixed[f"Loss_Optimization/FP32-master-copy/{name}/Momentum"] = np.ones_like(values[name])
    for name in set(values) - set(is_half):
        mixed[f"Loss_Optimization/{name}/Momentum"] = np.ones_like(values[name])
    # OpenSeq2Seq's loss scale has default names
    mixed |= {
        "Variable": np.array(1.0, np.float32),
        "Loss_Optimization/Variable_1": np.array(2, np.int64),
    }
    logdir = import_jasper(tmp_path, mixed)
    assert "warning" not in capsys.readouterr().out
    parity.assert_close_to_largest(logits_of(tmp_path / "config.py", logdir, features), expected)


def test_float16_variables_without_copies_are_imported(tmp_path):
    values, features, expected = jasper(BLOCKS)
    logdir = import_jasper(
        tmp_path, {name: value.astype(np.float16) for name, value in values.items()}
    )
    parity.assert_close_to_largest(
        logits_of(tmp_path / "config.py", logdir, features), expected, tolerance=1e-2
    )


@pytest.mark.slow
def test_eval_and_infer_can_use_an_imported_checkpoint(tmp_path, write_manifest, tone, capsys):
    values, _, _ = jasper(BLOCKS)
    logdir = import_jasper(tmp_path, values)
    manifest = write_manifest([0, 1, 2], [tone(300 * (i + 1)) for i in range(3)], "tiny-val")
    flags = [f"--config_file={tmp_path / 'config.py'}", f"--logdir={logdir}", *OLD_FRONT_END]
    data = ["--data_layer_params/dataset_files", f"[{str(manifest)!r}]"]
    data += [f"--data_layer_params/labels_file={tmp_path / 'labels.txt'}"]
    assert cli.main([*flags, *data, "--mode=eval"]) == 0
    assert cli.main([*flags, "--mode=infer", str(tmp_path / "tiny-val" / "000.wav")]) == 0
    assert "000.wav: " in capsys.readouterr().out


@pytest.mark.slow
def test_training_can_start_from_it_only_with_load_model(tmp_path, write_manifest, tone, capsys):
    logdir = import_jasper(tmp_path, jasper(BLOCKS)[0])
    manifest = write_manifest([0, 1, 2], [tone(300 * (i + 1)) for i in range(3)], "tiny-train")
    flags = [
        f"--config_file={tmp_path / 'config.py'}",
        "--num_epochs=1",
        "--batch_size_per_gpu=3",
        "--dtype=float32",
        *OLD_FRONT_END,
    ]
    flags += [f"--data_layer_params/dataset_files=[{str(manifest)!r}]"]
    flags += [f"--data_layer_params/labels_file={tmp_path / 'labels.txt'}"]
    with pytest.raises(UserError, match="holds imported weights"):
        cli.main([*flags, "--continue_learning"])
    assert cli.main([*flags, f"--load_model={logdir}", f"--logdir={tmp_path / 'next'}"]) == 0
    assert re.search(r"load_model: (\d+) of \1 variables come from", capsys.readouterr().out)
    assert checkpoints.load_newest(tmp_path / "next" / "checkpoints").step == 1


def test_a_folder_stands_for_its_newest_checkpoint(tmp_path):
    for step in (9, 100):
        write_checkpoint(tmp_path / "model.ckpt", {"v": np.zeros(1, np.float32)}, step)
    find = openseq2seq.find_checkpoint
    assert find(tmp_path).name == "model.ckpt-100"
    for list_of_checkpoints, expected in (
        (
            'model_checkpoint_path: "model.ckpt-9"\nall_model_checkpoint_paths: "model.ckpt-100"\n',
            "model.ckpt-9",
        ),
        ('model_checkpoint_path: "/of/another/machine/model.ckpt-9"\n', "model.ckpt-9"),
        ('model_checkpoint_path: "model.ckpt-7"\n', "model.ckpt-100"),
        ("", "model.ckpt-100"),
    ):
        (tmp_path / "checkpoint").write_text(list_of_checkpoints)
        assert find(tmp_path).name == expected
    (tmp_path / "checkpoint").unlink()
    assert find(tmp_path).name == "model.ckpt-100"
    for ending in ("", ".index", ".data-00000-of-00001", ".meta"):
        assert find(tmp_path / f"model.ckpt-9{ending}") == tmp_path / "model.ckpt-9"
    for missing in (tmp_path / "model.ckpt-8", tmp_path / "none"):
        with pytest.raises(UserError, match="no such checkpoint"):
            find(missing)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no checkpoint in this folder"):
        find(tmp_path / "empty")


def test_all_differences_are_named_and_nothing_is_written(tmp_path):
    values, _, _ = jasper(BLOCKS)
    values.pop("ForwardPass/w2l_encoder/conv22/res_bn/moving_mean")
    values["ForwardPass/w2l_encoder/conv11/kernel"] = np.zeros((7, N_MELS, 8), np.float32)
    values["ForwardPass/w2l_encoder/conv41/kernel"] = np.zeros((1, 4, 4), np.float32)
    values["another/thing"] = np.zeros(1, np.float32)
    checkpoint = write_checkpoint(tmp_path / "original" / "model.ckpt", values)
    flags = [f"--config_file={jasper_config(tmp_path)}", f"--labels_file={tmp_path / 'labels.txt'}"]
    with pytest.raises(UserError) as refused:
        import_openseq2seq.main([checkpoint, *flags])
    message = str(refused.value)
    for expected in (
        "(2 differences)",
        "tdnn_encoder.conv22.res_bn/moving_mean: missing, expected shape (8,)",
        "tdnn_encoder.conv11/kernel: shape (7, 1, 6, 8), expected (5, 1, 6, 8)",
        "Variables that the network lacks (2):",
        "  ForwardPass/w2l_encoder/conv41/kernel",
        "  another/thing",
    ):
        assert expected in message
    assert not (tmp_path / "logdir").exists()


def test_variables_that_the_network_lacks_are_named(tmp_path, capsys):
    values, _, _ = jasper(BLOCKS)
    values["ForwardPass/w2l_encoder/conv41/kernel"] = np.zeros((1, 4, 4), np.float32)
    import_jasper(tmp_path, values)
    text = capsys.readouterr().out
    assert "warning: the network of this config lacks 1 variables" in text
    assert "\n  ForwardPass/w2l_encoder/conv41/kernel" in text


def test_two_variables_for_one_weight_are_refused(tmp_path):
    values, _, _ = jasper(BLOCKS)
    values["ForwardPass/other_encoder/conv11/bn/beta"] = np.zeros(8, np.float32)
    with pytest.raises(UserError, match=r"a second variable for tdnn_encoder\.conv11\.bn/beta"):
        import_jasper(tmp_path, values)


def test_existing_checkpoints_are_kept(tmp_path):
    values, _, _ = jasper(BLOCKS)
    logdir = import_jasper(tmp_path, values)
    before = sorted(logdir.rglob("*"))
    with pytest.raises(UserError, match="has checkpoints already; name another folder"):
        import_jasper(tmp_path, values)
    assert sorted(logdir.rglob("*")) == before


def test_labels_and_network_must_agree(tmp_path):
    values, _, _ = jasper(BLOCKS)
    (tmp_path / "labels.txt").write_text("yes\nno\n")
    with pytest.raises(UserError, match=r"fully_connected/bias: shape \(3,\), expected \(2,\)"):
        import_jasper(tmp_path, values)


def test_encoders_that_openseq2seq_lacks_are_refused(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", {"v": np.zeros(1, np.float32)})
    config = [f"--config_file={TINY}", f"--output_dir={tmp_path / 'out'}"]
    with pytest.raises(UserError, match="PeakEncoder, but only ResNetEncoder and TDNNEncoder"):
        import_openseq2seq.main([checkpoint, *config, f"--labels_file={tmp_path / 'labels.txt'}"])


def test_a_corrupt_checkpoint_is_refused(tmp_path):
    (tmp_path / "model.ckpt-1.index").write_bytes(b"no checkpoint at all")
    with pytest.raises(UserError, match="cannot be read as a TensorFlow checkpoint"):
        import_openseq2seq.main(
            [str(tmp_path), *RESNET18, f"--labels_file={tmp_path / 'labels.txt'}"]
        )
    values, _, _ = jasper(BLOCKS)
    checkpoint = write_checkpoint(tmp_path / "original" / "model.ckpt", values)
    with open(f"{checkpoint}.data-00000-of-00001", "r+b") as file:
        file.truncate(100)
    flags = [f"--config_file={jasper_config(tmp_path)}", f"--labels_file={tmp_path / 'labels.txt'}"]
    with pytest.raises(UserError, match="cannot be read as a TensorFlow checkpoint"):
        import_openseq2seq.main([checkpoint, *flags])
    assert not (tmp_path / "logdir").exists()


def test_wrong_flags_are_named(tmp_path, capsys):
    flags = ["x", f"--labels_file={tmp_path / 'labels.txt'}", f"--config_file={RESNET50}"]
    with pytest.raises(UserError, match="--encoder_params/resnet_size: expected a value"):
        import_openseq2seq.main([*flags, "--encoder_params/resnet_size"])
    with pytest.raises(SystemExit):
        import_openseq2seq.main([*flags, "y"])
    assert "unrecognized arguments: y" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ForwardPass/resnet_encoder/conv2d/kernel", "resnet_encoder.conv2d/kernel"),
        (
            "ForwardPass/resnet_encoder/batch_normalization_1/gamma",
            "resnet_encoder.batch_normalization_1/gamma",
        ),
        (
            "ForwardPass/fully_connected_decoder/fully_connected/bias",
            "fully_connected_decoder.fully_connected/bias",
        ),
        ("ForwardPass/conv23/kernel", None),
        ("ForwardPass/kernel", None),
    ],
)
def test_names_are_translated(name, expected):
    assert names.translate(name, "resnet_encoder") == expected


def test_the_models_variables_are_told_from_the_optimizers():
    model = "ForwardPass/w2l_encoder/conv11/kernel"
    sorted_names = names.sort_names(
        [
            model,
            f"{model}/Adam",
            f"{model}/Adam_1",
            f"Loss_Optimization/{model}/Momentum",
            f"Loss_Optimization/FP32-master-copy_1/{model}",
            f"Loss_Optimization/FP32-master-copy_1/{model}/Momentum",
            "Loss_Optimization/gradients/accumulator",
            "beta1_power",
            "global_step",
            "Variable_2",
            "other/kernel",
        ]
    )
    assert sorted_names.model == {model: f"Loss_Optimization/FP32-master-copy_1/{model}"}
    assert sorted_names.unknown == ["other/kernel"]
