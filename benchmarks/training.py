"""Training with a config of this toolkit on generated clips, for the benchmarks."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from data_path import make_manifest

from open_seq2seq.config import load_config
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.network import build_for_run
from open_seq2seq.structs import Batch
from open_seq2seq.training.step import TrainStep

Batches = tuple[Batch, ...]

N_LABELS = 12
_N_WARM = 3  # steps that trace, compile and fill the queues
_N_UNCOUNTED = 4  # steps at the start of each turn: they use batches made before it


class Training:
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
        self.batch_size = batch_size
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
        self._fixed = self._next()
        for _ in range(_N_WARM):
            self._take(self._next())

    def turn(self, n_steps: int) -> float:
        """Return the seconds of a step, from clips to weights."""
        return self._time(n_steps, self._next)

    def bare_turn(self, n_steps: int) -> float:
        """Return the seconds of a step on a batch that is ready."""
        return self._time(n_steps, lambda: self._fixed)

    def _time(self, n_steps: int, next_batches: Callable[[], Batches]) -> float:
        for _ in range(_N_UNCOUNTED):
            self._take(next_batches())
        started = time.perf_counter()
        for _ in range(n_steps):
            self._take(next_batches())
        return (time.perf_counter() - started) / n_steps

    def _next(self) -> Batches:
        """Return the next batches, with targets for the network's labels: the data has only one."""
        import tensorflow as tf

        return tuple(
            batch._replace(targets=tf.one_hot(batch.labels, N_LABELS))
            for batch in next(self._batches)
        )

    def _take(self, batches: Batches) -> None:
        self._step(batches, 1e-4)[0].loss.numpy()
