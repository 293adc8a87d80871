"""The training step against the same arithmetic in NumPy."""

import resource

import numpy as np
import pytest

from open_seq2seq.distributed import Workers
from open_seq2seq.layers import batch_norm
from open_seq2seq.layers.regularizers import l2_regularizer
from open_seq2seq.lazy import keras, tf
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.optimizers.loss_scaling import Backoff, ConstantScale
from open_seq2seq.optimizers.optimizers import SGD
from open_seq2seq.structs import Batch
from open_seq2seq.training.step import TrainStep
from tests.support.forked import fork, wait

N_FEATURES, N_LABELS, RATE = 5, 3, 0.1
RANDOM = np.random.default_rng(1)


def own_norm(momentum=0.997):
    return batch_norm.BatchNorm(momentum=momentum, epsilon=1e-3, name="norm")


def keras_norm():  # in a part of a user's own
    return keras.layers.BatchNormalization(name="norm")


def linear_model(*, norm=None, regularizer=None):
    inputs = {
        "features": keras.Input((N_FEATURES,), name="features"),
        "lengths": keras.Input((), dtype="int32", name="lengths"),
    }
    x = keras.layers.Lambda(lambda both: both["features"])(inputs)
    if norm is not None:
        x = keras.layers.Flatten()(norm(keras.layers.Reshape((1, 1, N_FEATURES))(x)))
    logits = keras.layers.Dense(N_LABELS, name="dense", kernel_regularizer=regularizer)(x)
    return keras.Model(inputs, logits)


def make_batch(n=4, *, weights=None, scale=1.0):
    features = (scale * RANDOM.standard_normal((n, N_FEATURES))).astype(np.float32)
    labels = RANDOM.integers(0, N_LABELS, n).astype(np.int32)
    weights = np.ones(n, np.float32) if weights is None else np.asarray(weights, np.float32)
    targets = np.eye(N_LABELS, dtype=np.float32)[labels]
    return Batch(*map(tf.constant, (features, np.ones(n, np.int32), labels, targets, weights)))


def make_step(model, *, scaling=None, workers=None, **options):
    optimizer = SGD().create()
    optimizer.build(options.get("variables") or model.trainable_variables)
    scaler = (scaling or ConstantScale()).create()
    return TrainStep(model, CrossEntropyLoss(), optimizer, scaler, workers or Workers(), **options)


def softmax_gradient(weights, bias, batch):
    """Loss and gradients of the mean weighted cross-entropy of a linear classifier."""
    features, _, labels, _, row_weights = (np.asarray(part, np.float64) for part in batch)
    logits = features @ weights + bias
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    losses = -np.log(probabilities[rows, labels.astype(int)])
    probabilities[rows, labels.astype(int)] -= 1.0
    errors = probabilities * row_weights[:, None] / len(labels)
    return np.mean(losses * row_weights), features.T @ errors, errors.sum(0)


@pytest.mark.parametrize("scale", [1.0, 512.0])
@pytest.mark.parametrize("weights", [None, [2.0, 2.0, 0.0, 0.0]])
def test_one_step_is_gradient_descent_on_the_weighted_mean(scale, weights):
    model, batch = linear_model(), make_batch(weights=weights)
    kernel, bias = (v.numpy().astype(np.float64) for v in model.trainable_variables)
    loss, kernel_gradient, bias_gradient = softmax_gradient(kernel, bias, batch)
    metrics, stop = make_step(model, scaling=ConstantScale(scale=scale))((batch,), RATE)
    np.testing.assert_allclose(
        model.trainable_variables[0], kernel - RATE * kernel_gradient, atol=1e-6
    )
    np.testing.assert_allclose(model.trainable_variables[1], bias - RATE * bias_gradient, atol=1e-6)
    assert float(metrics.loss) == pytest.approx(loss, rel=1e-5)
    norm = np.sqrt((kernel_gradient**2).sum() + (bias_gradient**2).sum())
    assert float(metrics.gradient_norm) == pytest.approx(norm, rel=1e-4)
    assert not metrics.skipped and not stop


def test_clips_count_by_the_weights_of_their_classes():
    model, batch = linear_model(), make_batch(6)
    kernel, bias = (v.numpy().astype(np.float64) for v in model.trainable_variables)
    weights = np.array([1.0, 2.0, 0.25], np.float32)
    counted = batch._replace(weights=tf.constant(weights[batch.labels.numpy()]))
    loss, kernel_gradient, _ = softmax_gradient(kernel, bias, counted)
    metrics, _ = make_step(model, class_weights=weights)((batch,), RATE)
    np.testing.assert_allclose(
        model.trainable_variables[0], kernel - RATE * kernel_gradient, atol=1e-6
    )
    assert float(metrics.loss) == pytest.approx(loss, rel=1e-5)


def test_iter_size_averages_the_gradients_of_its_batches():
    first, second = make_batch(), make_batch()
    both = Batch(*(tf.concat(parts, 0) for parts in zip(first, second, strict=True)))
    in_two, in_one = linear_model(), linear_model()
    in_one.set_weights(in_two.get_weights())
    make_step(in_two)((first, second), RATE)
    make_step(in_one)((both,), RATE)
    for a, b in zip(in_two.get_weights(), in_one.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def wide_model(units):
    inputs = {
        "features": keras.Input((N_FEATURES,), name="features"),
        "lengths": keras.Input((), dtype="int32", name="lengths"),
    }
    x = keras.layers.Lambda(lambda both: both["features"])(inputs)
    for _ in range(2):
        x = keras.layers.Dense(units)(x)
    return keras.Model(inputs, keras.layers.Dense(N_LABELS)(x))


def print_memory(n_batches, units):
    """Print by how many bytes the memory's peak grows while steps are taken."""
    step = make_step(wide_model(units))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        step(tuple(make_batch() for _ in range(n_batches)), RATE)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


@pytest.mark.slow
def test_many_batches_take_no_more_memory_than_two(tmp_path):
    units, peaks = 4000, []
    for n_batches in (2, 10):
        output = tmp_path / str(n_batches)
        assert wait(fork(print_memory, n_batches, units, output=output)) == 0
        peaks.append(int(output.read_text().split()[-1]))
    bytes_of_gradients = units**2 * 4
    assert peaks[1] - peaks[0] < bytes_of_gradients


def test_the_penalty_is_half_the_sum_of_squares():
    model, batch = linear_model(regularizer=l2_regularizer(0.5)), make_batch(weights=[0.0] * 4)
    kernel = model.trainable_variables[0].numpy()
    make_step(model)((batch,), RATE)
    np.testing.assert_allclose(model.trainable_variables[0], kernel * (1 - RATE * 0.5), atol=1e-6)


def test_long_gradients_are_scaled_to_the_largest_norm():
    model, batch = linear_model(), make_batch(scale=100.0)
    before = np.concatenate([w.ravel() for w in model.get_weights()])
    metrics, _ = make_step(model, max_grad_norm=0.5)((batch,), RATE)
    after = np.concatenate([w.ravel() for w in model.get_weights()])
    assert float(metrics.gradient_norm) > 0.5
    assert np.linalg.norm(after - before) == pytest.approx(RATE * 0.5, rel=1e-4)


def test_frozen_variables_stay():
    model = linear_model()
    kernel, bias = (v.numpy() for v in model.trainable_variables)
    make_step(model, variables=[model.trainable_variables[1]])((make_batch(),), RATE)
    np.testing.assert_array_equal(model.trainable_variables[0], kernel)
    assert np.abs(model.trainable_variables[1].numpy() - bias).max() > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("norm", [own_norm, keras_norm])
def test_a_step_that_is_not_finite_changes_nothing_but_the_loss_scale(norm, bad, position):
    model = linear_model(norm=norm())
    step = make_step(model, scaling=Backoff(scale_max=1024.0))
    good, poisoned = make_batch(), make_batch()
    poisoned = poisoned._replace(features=tf.constant(np.full((4, N_FEATURES), bad, np.float32)))
    before = model.get_weights()
    batches = [good, good]
    batches[position] = poisoned
    metrics, _ = step(tuple(batches), RATE)
    assert metrics.skipped and float(metrics.loss_scale) == 1024.0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    metrics, _ = step((good, good), RATE)
    assert not metrics.skipped and float(metrics.loss_scale) == 512.0
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_keras_batchnorm_learns_its_statistics():
    model = linear_model(norm=keras_norm())
    batch = make_batch(64)
    make_step(model)((batch,), RATE)
    moving_mean = model.get_layer("norm").moving_mean.numpy()
    np.testing.assert_allclose(moving_mean, 0.01 * batch.features.numpy().mean(0), atol=1e-6)


@pytest.mark.parametrize("momentum", [0.1, 0.2, 0.997])
def test_moving_statistics_forget_the_first_within_few_steps(momentum):
    model = linear_model(norm=own_norm(momentum))
    step, layer = make_step(model), model.get_layer("norm")
    mean, variance = np.zeros(N_FEATURES), np.ones(N_FEATURES)
    for kept in (1 / 10, 2 / 11, 3 / 12, 4 / 13):  # (1 + n) / (10 + n), at most the momentum
        batch, kept = make_batch(64, scale=30.0), min(momentum, kept)
        step((batch,), RATE)
        features = batch.features.numpy()
        mean = kept * mean + (1 - kept) * features.mean(0)
        variance = kept * variance + (1 - kept) * features.var(0, ddof=1)
        np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-4)


def test_moving_statistics_of_another_run_are_kept_as_the_momentum_says():
    model = linear_model(norm=own_norm(0.75))
    layer, batch = model.get_layer("norm"), make_batch(64)
    make_step(model, has_new_statistics=False)((batch,), RATE)
    mean = 0.25 * batch.features.numpy().mean(0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-6)


class TwoWorkers:
    """Horovod's part in a step, played by the other worker's known tensors."""

    Average = "average"

    def __init__(self, others):
        self.others = others

    def grouped_allreduce(self, tensors, op):
        assert op == self.Average
        return [(mine + other) / 2 for mine, other in zip(tensors, self.others, strict=True)]


def test_gradients_loss_and_stop_are_averaged_over_workers():
    batch = make_batch()
    model = linear_model()
    kernel, bias = (v.numpy() for v in model.trainable_variables)
    loss, kernel_gradient, _ = softmax_gradient(kernel, bias, batch)
    others = [
        tf.ones((N_FEATURES, N_LABELS)),
        tf.ones(N_LABELS),
        tf.constant(5.0),
        tf.constant(1.0),
    ]
    metrics, stop = make_step(model, workers=Workers(0, 2, 0, 2, TwoWorkers(others)))(
        (batch,), RATE
    )
    np.testing.assert_allclose(
        model.trainable_variables[0], kernel - RATE * (kernel_gradient + 1) / 2, atol=1e-6
    )
    assert float(metrics.loss) == pytest.approx((loss + 5.0) / 2, rel=1e-5)
    assert stop  # the other worker wants to, this one does not


def test_a_nan_on_one_worker_skips_the_step_on_all():
    model = linear_model()
    before = model.get_weights()
    others = [
        tf.fill((N_FEATURES, N_LABELS), np.nan),
        tf.ones(N_LABELS),
        tf.constant(5.0),
        tf.constant(0.0),
    ]
    metrics, _ = make_step(model, workers=Workers(0, 2, 0, 2, TwoWorkers(others)))(
        (make_batch(),), RATE
    )
    assert metrics.skipped
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_xla_takes_the_same_step():
    batch, plain, compiled = make_batch(), *(linear_model(norm=own_norm()) for _ in range(2))
    compiled.set_weights(plain.get_weights())
    make_step(plain)((batch,), RATE)
    make_step(compiled, use_xla_jit=True)((batch,), RATE)
    for ours, theirs in zip(plain.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
