"""Training with a config of this toolkit on generated clips, for the benchmarks."""

from collections.abc import Mapping
from pathlib import Path

from data_path import make_manifest
from turns import N_LABELS, Turns

from open_seq2seq.config import load_config
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.network import build_for_run
from open_seq2seq.structs import Batch
from open_seq2seq.training.step import TrainStep

Batches = tuple[Batch, ...]

_N_WARM = 3  # steps that trace, compile and fill the queues


class Training(Turns):
    """A network, its step and a stream of batches of noise of one second, with augmentation.

    The speed does not depend on what is said.
    """

    def __init__(
        self,
        config_file: str,
        batch_size: int,
        folder: Path,
        *,
        dtype: str = "float32",
        use_xla_jit: bool = False,
        overrides: Mapping[str, object] | None = None,
    ) -> None:
        """Make everything, and take the first steps.

        Args:
            config_file: of the recipe.
            batch_size: clips of a step.
            folder: where the clips are written.
            dtype: of the network's arithmetic.
            use_xla_jit: as the config's parameter.
            overrides: of the config, by their paths.
        """
        manifest = make_manifest(folder, 16 * batch_size)
        changes = {
            "dtype": dtype,
            "data_layer_params/dataset_files": [str(manifest)],
            "data_layer_params/labels_file": str(folder / "noise-labels.txt"),
            **(overrides or {}),
        }
        config = load_config(config_file, "train", changes)
        layer = config.data_layers["train"]
        if layer.background_noise is not None:
            layer = layer.model_copy(update={"background_noise": str(folder)})
        dataset = layer.open(training=True, seed=0)
        model = build_for_run(config, Workers(), "train", N_LABELS)
        self.n_parameters = sum(v.value.shape.num_elements() for v in model.trainable_variables)
        optimizer = config.optimizer.create()
        optimizer.build(model.trainable_variables)
        self._step = TrainStep(
            model,
            config.loss,
            optimizer,
            config.loss_scaling.create(),
            Workers(),
            larc=config.params.larc_params,
            use_xla_jit=use_xla_jit,
        )
        sampler = Sampler(len(dataset), batch_size)
        self._batches = (
            batch
            for epoch in range(1_000_000)
            for batch in dataset.batches(sampler.for_training(0, epoch, shuffle=True), epoch)
        )
        for _ in range(_N_WARM):
            self.take_step(self.next_batch())

    def next_batch(self) -> Batches:
        """Return the next batches, with targets for the network's labels: the data has only one."""
        import tensorflow as tf

        return tuple(
            batch._replace(targets=tf.one_hot(batch.labels, N_LABELS))
            for batch in next(self._batches)
        )

    def take_step(self, batch: Batches) -> None:
        """Take one step, and wait for its end."""
        self._step(batch, 1e-4)[0].loss.numpy()
