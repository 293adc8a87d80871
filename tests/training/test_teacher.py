"""Distillation against its formula, and runs with a teacher."""

import re
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import scipy.special

from open_seq2seq.cli import main
from open_seq2seq.config.distillation import Distillation
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.layers.merging import MergeClasses
from open_seq2seq.lazy import keras, tf
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.optimizers.loss_scaling import ConstantScale
from open_seq2seq.optimizers.optimizers import SGD
from open_seq2seq.storage import checkpoints
from open_seq2seq.structs import Batch, MergedClasses
from open_seq2seq.training.step import TrainStep
from open_seq2seq.training.teacher import Teacher, divergence
from tests.support.horovod_jobs import run_forked_job

RNG = np.random.default_rng(2)
TAUGHT, LOGITS = 3.0 * RNG.standard_normal((2, 6, 4)).astype(np.float32)
MERGE = "--data_layer_params/merge_unknown=True"


def bernoulli(p, q):
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
def test_the_divergence_is_that_of_softened_probabilities(temperature, outputs):
    given = divergence(tf.constant(TAUGHT), tf.constant(LOGITS), temperature, outputs)
    p, q = (x.astype(np.float64) / temperature for x in (TAUGHT, LOGITS))
    if outputs == "softmax":
        p, q = scipy.special.softmax(p, axis=1), scipy.special.softmax(q, axis=1)
        expected = (p * np.log(p / q)).sum(axis=1)
    else:
        expected = bernoulli(scipy.special.expit(p), scipy.special.expit(q)).sum(axis=1)
    np.testing.assert_allclose(given, temperature**2 * expected, rtol=1e-4)
    same = divergence(tf.constant(TAUGHT), tf.constant(TAUGHT), temperature, outputs)
    np.testing.assert_array_equal(same, np.zeros(6))


def test_large_logits_have_a_divergence():
    far = tf.constant([[1e4, -1e4]])
    for outputs in ("softmax", "sigmoid"):
        assert np.isfinite(divergence(far, -far, 1.0, outputs)).all()


def linear(kernel, dtype="float32"):
    """A linear classifier, without bias, of four features."""
    inputs = {
        "features": keras.Input((4,), name="features"),
        "lengths": keras.Input((), dtype="int32", name="lengths"),
    }
    x = keras.layers.Lambda(lambda both: both["features"])(inputs)
    x = keras.layers.Dropout(0.5)(x) if dtype == "dropped" else x
    policy = "float32" if dtype == "dropped" else dtype
    logits = keras.layers.Dense(kernel.shape[1], use_bias=False, name="dense", dtype=policy)(x)
    model = keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(logits))
    model.get_layer("dense").set_weights([kernel])
    return model


def one_step(student, teacher, batch, **options):
    optimizer = SGD().create()
    optimizer.build(student.trainable_variables)
    step = TrainStep(
        student,
        CrossEntropyLoss(),
        optimizer,
        ConstantScale(scale=8.0).create(),
        Workers(),
        teacher=teacher,
        **options,
    )
    return step((batch,), 0.1)[0]


def make_batch(n_classes, weights=(1.0, 1.0, 1.0, 2.0, 1.0)):
    features = RNG.standard_normal((5, 4)).astype(np.float32)
    labels = np.arange(5, dtype=np.int32) % n_classes
    targets = np.eye(n_classes, dtype=np.float32)[labels]
    values = (features, np.ones(5, np.int32), labels, targets, np.array(weights, np.float32))
    return Batch(*map(tf.constant, values))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_step_goes_down_the_gradient_of_the_mixture(dtype):
    """Of T^2 KL it is T (q - p), with respect to the logits."""
    temperature, weight = 3.0, 0.25
    ours, theirs = RNG.standard_normal((2, 4, 3)).astype(np.float32)
    if dtype != "float32":  # numbers that bfloat16 holds
        ours = np.rint(4 * ours) / 4
    student, batch = linear(ours, dtype), make_batch(3)
    # its dropout shows that it is in inference mode
    network = linear(theirs, "dropped")
    params = Distillation(teacher="x", weight=weight, temperature=temperature)
    metrics = one_step(student, Teacher(network, params), batch)

    x, row_weights = batch.features.numpy().astype(np.float64), batch.weights.numpy()
    z, t = x @ ours, x @ theirs
    p, q = (scipy.special.softmax(logits / temperature, axis=1) for logits in (t, z))
    losses = -np.log(scipy.special.softmax(z, axis=1)[np.arange(5), batch.labels.numpy()])
    distances = temperature**2 * (p * np.log(p / q)).sum(axis=1)
    expected = ((0.75 * losses + 0.25 * distances) * row_weights).mean()
    errors = 0.75 * (scipy.special.softmax(z, axis=1) - batch.targets.numpy())
    errors += 0.25 * temperature * (q - p)
    gradient = x.T @ (errors * row_weights[:, None] / 5)
    tolerance = 1e-5 if dtype == "float32" else 2e-2
    assert float(metrics.loss) == pytest.approx(expected, rel=tolerance)
    np.testing.assert_allclose(
        student.get_layer("dense").get_weights()[0], ours - 0.1 * gradient, atol=tolerance
    )
    np.testing.assert_array_equal(network.get_layer("dense").get_weights()[0], theirs)


def test_a_teacher_of_labels_sees_classes_merged():
    ours = RNG.standard_normal((4, 5)).astype(np.float32)
    theirs = RNG.standard_normal((4, 3)).astype(np.float32)
    batch, params = make_batch(5), Distillation(teacher="x", weight=1.0, temperature=1.0)
    merge = MergeClasses(3, MergedClasses(1, 2))
    metrics = one_step(linear(ours), Teacher(linear(theirs), params, merge=merge), batch)
    classes = scipy.special.softmax(batch.features.numpy() @ ours, axis=1)
    q = classes[:, :3].copy()
    q[:, 1] += classes[:, 3:].sum(axis=1)
    p = scipy.special.softmax(batch.features.numpy() @ theirs, axis=1)
    expected = (p * np.log(p / q)).sum(axis=1) @ batch.weights.numpy() / 5
    assert float(metrics.loss) == pytest.approx(expected, rel=1e-5)


def newest(logdir):
    return checkpoints.load_newest(logdir / "checkpoints")


def first_loss(output):
    line = next(each for each in output.splitlines() if "step 1 of" in each)
    return float(line.split("loss ")[1].split(",")[0])


@pytest.mark.slow
def test_a_run_learns_from_a_teacher_and_keeps_nothing_of_it(train_few, merged_run, capsys):
    """From a teacher of classes, a run of labels."""
    plain = train_few("--print_loss_steps=1", epochs=1)
    alone = first_loss(capsys.readouterr().out)
    flags = [f"--distillation_params/teacher={merged_run}", "--distillation_params/weight=1.0"]
    flags += ["--distillation_params/temperature=1.0", "--print_loss_steps=1"]
    taught = train_few(*flags)
    output = capsys.readouterr().out
    assert re.search(rf"teacher: [\d,]+ parameters, step \d+ of {merged_run}\n", output)
    assert newest(taught).model.keys() == newest(plain).model.keys()
    assert newest(taught).training.keys() == newest(plain).training.keys()
    assert first_loss(output) != pytest.approx(alone, rel=0.02)
    # labels that it has never seen, it learns from the teacher alone
    assert newest(taught).progress.best_top1 > 0.85


@pytest.mark.long
@pytest.mark.slow
def test_a_run_resumes_with_its_teacher_to_the_last_bit(
    train_few, merged_run, run, few_keywords, stream_config, tmp_path
):
    flags = [f"--distillation_params/teacher={merged_run}", MERGE, "--save_checkpoint_steps=5"]
    whole = train_few(*flags, "--num_checkpoints=20", epochs=2)
    logdir = tmp_path / "run"
    shutil.copytree(whole, logdir)
    for path in checkpoints.list_checkpoints(logdir / "checkpoints")[1:]:
        shutil.rmtree(path)
    where = [f"--dataset_location={few_keywords}", "--num_epochs=2", "--continue_learning"]
    assert run("train_eval", logdir, *where, *flags, config=stream_config) == 0
    assert newest(logdir).step == newest(whole).step == 18
    for name, value in newest(whole).model.items():
        np.testing.assert_array_equal(newest(logdir).model[name], value, err_msg=name)


@pytest.mark.horovod
@pytest.mark.slow
@pytest.mark.skipif(find_spec("horovod") is None, reason="Horovod is not installed")
@pytest.mark.long
def test_two_processes_have_one_teacher(merged_run, few_keywords, stream_config, tmp_path):
    flags = [f"--config_file={stream_config}", "--mode=train", "--num_epochs=1"]
    flags += [f"--dataset_location={few_keywords}", f"--distillation_params/teacher={merged_run}"]
    job = run_forked_job(
        2, main, [*flags, f"--logdir={tmp_path / 'run'}", "--check_ranks_steps=2", MERGE]
    )
    assert job.status == 0, job.output
    assert job.output.count("teacher: ") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--distillation_params/teacher=/no/such"], "teacher: /no/such: no checkpoint in it"),
        (["--data_layer_params/hop_length=200"], r"trained with another front end:\n  hop_length="),
        (["--decoder_params/outputs=sigmoid"], "has decoder_params/outputs='softmax', this run ha"),
        (
            ["--distillation_params/temperature=0.0"],
            r"distillation_params/temperature: expected .* 0, got 0.0",
        ),
        (
            ["--distillation_params/weight=1.5"],
            r"distillation_params/weight: expected .*1, got 1.5",
        ),
        (["--distillation_params/wait=1"], "distillation_params: unknown parameter 'wait'"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(
    merged_run, run, few_keywords, stream_config, tmp_path, flags, problem
):
    given = [f"--dataset_location={few_keywords}", f"--distillation_params/teacher={merged_run}"]
    with pytest.raises(UserError, match=problem):
        run("train", tmp_path / "run", *given, *flags, config=stream_config)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_teacher_of_other_labels_is_refused(merged_run, run, stream_config, tmp_path):
    """The tones have twelve labels."""
    with pytest.raises(UserError, match="has the labels yes no up unknown silence, the data has y"):
        run(
            "train",
            tmp_path / "run",
            f"--distillation_params/teacher={merged_run}",
            config=stream_config,
        )
    assert not list(tmp_path.iterdir())
