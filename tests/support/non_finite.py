"""Training steps with NaN or infinity in the inputs, the loss or the gradients.

tests/training/test_skipped_steps.py checks all cases in one process, and in several.
"""

import itertools

import numpy as np

from open_seq2seq import distributed
from open_seq2seq.lazy import keras, tf
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.optimizers.loss_scaling import Backoff, ConstantScale, LogMax
from open_seq2seq.optimizers.optimizers import Adam
from open_seq2seq.structs import Batch
from open_seq2seq.training.step import TrainStep
from open_seq2seq.training.weight_average import WeightAverage

SCALINGS = {
    "float32": ConstantScale(),
    "constant": ConstantScale(scale=512.0),
    "Backoff": Backoff(scale_max=1024.0),
    "LogMax": LogMax(),
}
CASES = list(itertools.product(SCALINGS, (1, 4)))
PLACES = ("inputs", "loss", "gradients")
BAD_VALUES = (np.nan, np.inf, -np.inf)
N_CLIPS, N_FEATURES, N_LABELS, RATE = 4, 5, 3, 0.1
_POISONED = 99  # length that marks a clip whose loss or gradient becomes non-finite


class PoisonedLoss(CrossEntropyLoss):
    """Cross-entropy with a non-finite value in the loss or gradient of marked clips."""

    def __call__(self, logits, batch, *, training=False):
        marked = tf.equal(batch.lengths, _POISONED)
        bad, place = PoisonedLoss.bad, PoisonedLoss.place

        @tf.custom_gradient
        def poison(values):
            def gradient(upstream):
                return tf.where(marked[:, None] & (place == "gradients"), bad, upstream)

            return tf.identity(values), gradient

        losses = super().__call__(poison(logits), batch, training=training)
        return tf.where(marked & (place == "loss"), bad, losses)


def make_model():
    inputs = {
        "features": keras.Input((N_FEATURES,), name="features"),
        "lengths": keras.Input((), dtype="int32", name="lengths"),
    }
    x = keras.layers.Lambda(lambda both: both["features"])(inputs)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(N_LABELS)(x))


def make_batch(random):
    features = random.standard_normal((N_CLIPS, N_FEATURES)).astype(np.float32)
    labels = random.integers(0, N_LABELS, N_CLIPS).astype(np.int32)
    lengths, weights = np.ones(N_CLIPS, np.int32), np.ones(N_CLIPS, np.float32)
    return Batch(features, lengths, labels, np.eye(N_LABELS, dtype=np.float32)[labels], weights)


def poisoned(batch, place, bad, clip=2):
    if place == "inputs":
        features = batch.features.copy()
        features[clip, 1] = bad
        return batch._replace(features=features)
    lengths = batch.lengths.copy()
    lengths[clip] = _POISONED
    return batch._replace(lengths=lengths)


def to_tensors(batches):
    return tuple(Batch(*map(tf.constant, batch)) for batch in batches)


class Run:
    """A model in training, with the variables that a skipped step must not change."""

    def __init__(self, scaling, workers):
        self.model = make_model()
        optimizer, self.scaler = Adam().create(), scaling.create()
        optimizer.build(self.model.trainable_variables)
        average = WeightAverage(self.model.trainable_variables, 0.9)
        loss = PoisonedLoss()
        self.step = TrainStep(
            self.model, loss, optimizer, self.scaler, workers, average=average, max_grad_norm=1.0
        )
        self.variables = [
            *(v.value for v in (*self.model.variables, *optimizer.variables)),
            *average.variables,
        ]

    def values(self):
        return [np.array(v) for v in self.variables]

    def after_step(self, batches):
        metrics, _ = self.step(to_tensors(batches), RATE)
        return metrics, self.values()


def check(scaling, iter_size, workers):
    """Assert that a bad clip on the last worker skips the step on all workers without a trace."""
    random = np.random.default_rng([workers.rank, iter_size])
    PoisonedLoss.place, PoisonedLoss.bad = tf.Variable(""), tf.Variable(0.0)
    run = Run(SCALINGS[scaling], workers)
    workers.broadcast(run.variables)
    good = [make_batch(random) for _ in range(iter_size)]
    run.after_step(good)  # moments, averages and statistics are no longer the initial ones
    for place, bad in itertools.product(PLACES, BAD_VALUES):
        PoisonedLoss.place.assign(place)
        PoisonedLoss.bad.assign(bad)
        before, scales = run.values(), [v.numpy() for v in run.scaler.variables]
        _, expected = run.after_step(good)
        for variable, value in zip(
            [*run.variables, *run.scaler.variables], [*before, *scales], strict=True
        ):
            variable.assign(value)

        batches = list(good)
        if workers.rank == workers.size - 1:
            batches[-1] = poisoned(good[-1], place, bad)
        metrics, after = run.after_step(batches)
        assert metrics.skipped
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(new, old)
        scale = float(run.scaler.value)
        assert np.isfinite(scale)
        if scaling == "Backoff":
            assert scale == scales[0] / 2
        elif scaling != "LogMax":
            assert scale == scales[0]

        metrics, after = run.after_step(good)
        assert not metrics.skipped
        for ours, undisturbed in zip(after, expected, strict=True):
            # not equal, as the loss scale may differ
            np.testing.assert_allclose(ours, undisturbed, rtol=1e-4, atol=1e-7)
        trained = [v.numpy().tobytes() for v in run.model.trainable_variables]
        assert all(other == trained for other in workers.gather(trained))
        assert workers.gather(float(run.scaler.value)) == [float(run.scaler.value)] * workers.size


def check_all() -> None:
    """Check all cases in each process of a job."""
    workers = distributed.start(True, timeout_s=60, rendezvous_timeout_s=300)
    assert workers.size > 1
    for case in CASES:
        check(*case, workers)
    print(f"rank {workers.rank}: {len(CASES)} cases are as they should be")
