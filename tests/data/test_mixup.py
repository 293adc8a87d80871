"""Mixed clips and targets."""

import numpy as np
import scipy.stats
import tensorflow as tf

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.mixup import draw_fractions, mix
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.structs import Batch


def test_fractions_are_from_the_beta_distribution_and_follow_from_seed_and_epoch():
    fractions = draw_fractions(0.4, 20000, seed=1, epoch=2)
    assert scipy.stats.kstest(fractions, scipy.stats.beta(0.4, 0.4).cdf).pvalue > 1e-4
    np.testing.assert_array_equal(fractions, draw_fractions(0.4, 20000, seed=1, epoch=2))
    assert (fractions != draw_fractions(0.4, 20000, seed=1, epoch=3)).mean() > 0.9


def test_features_and_targets_are_mixed_in_the_same_fractions():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((3, 4, 2)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)
    fractions = np.array([1.0, 0.25, 0.5], np.float32)
    lengths, labels = np.array([4, 2, 3], np.int32), np.arange(3, dtype=np.int32)
    batch = Batch(*map(tf.constant, (features, lengths, labels, targets, np.ones(3, np.float32))))
    mixed = mix(batch, tf.constant(fractions))
    np.testing.assert_allclose(mixed.features[0], features[0])
    np.testing.assert_allclose(
        mixed.features[1], 0.25 * features[1] + 0.75 * features[0], rtol=1e-6
    )
    np.testing.assert_allclose(mixed.targets, [[1, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5]])
    assert mixed.lengths.numpy().tolist() == [4, 4, 3] and mixed.labels.numpy().tolist() == [
        0,
        1,
        2,
    ]


def test_only_training_mixes(write_manifest, tone):
    manifest = write_manifest([0, 1], [tone(500.0), tone(2000.0)])
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)], augment_data=True, mixup_alpha=1.0
    )
    for training in (True, False):
        dataset = layer.open(training=training, seed=0)
        ((batch,),) = dataset.batches(Sampler(2, 2).in_order())
        is_mixed = not set(np.unique(batch.targets)) <= {0.0, 1.0}
        assert is_mixed == training
        np.testing.assert_allclose(batch.targets.numpy().sum(axis=1), 1.0, rtol=1e-6)
