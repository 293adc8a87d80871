"""Speed of training with the data path, against the same step on one batch in memory.

    python benchmarks/end_to_end.py [--config_file example_configs/speech_commands/resnet50.py] \
        [--batch_size 32] [--dtype float32] [--use_xla_jit]

The two loops take turns in one process, so that other load on the machine affects both. The first
steps of a turn use prefetched batches and are not counted. The clips are generated noise of one
second with augmentation: the speed does not depend on what is said.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from data_path import make_manifest

from open_seq2seq.components import LayerOptions
from open_seq2seq.config import load_config
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.training.step import TrainStep

_N_UNCOUNTED = 4  # steps at the start of each turn
_RESNET50 = "example_configs/speech_commands/resnet50.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config_file", default=_RESNET50)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument(
        "--dtype", default="float32", choices=["float32", "mixed_bfloat16", "mixed_float16"]
    )
    parser.add_argument("--use_xla_jit", action="store_true")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="steps of each loop in a turn")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        manifest = make_manifest(Path(folder), 16 * args.batch_size)
        data = {
            "dataset_files": [str(manifest)],
            "labels_file": str(Path(folder, "noise-labels.txt")),
        }
        overrides = {f"data_layer_params/{name}": value for name, value in data.items()}
        config = load_config(args.config_file, "train", overrides)
        layer = config.data_layers["train"]
        if layer.background_noise is not None:
            layer = layer.model_copy(update={"background_noise": folder})
        dataset = layer.open(training=True, seed=0)

        options = LayerOptions(dtype=args.dtype, initializer=config.initializer)
        model = config.model.build(config.encoder, config.decoder, dataset.shape, 12, options)
        optimizer = config.optimizer.create()
        optimizer.build(model.trainable_variables)
        scaler = config.loss_scaling.create()
        larc = config.params.larc_params
        step = TrainStep(
            model,
            config.loss,
            optimizer,
            scaler,
            Workers(),
            larc=larc,
            use_xla_jit=args.use_xla_jit,
        )

        sampler = Sampler(len(dataset), args.batch_size)
        batches = (
            b
            for epoch in range(1000)
            for b in dataset.batches(sampler.for_training(0, epoch, shuffle=True), epoch)
        )
        fixed, warm = (_with_targets(next(batches)) for _ in range(2))
        for batch in (fixed, warm, fixed):
            step(batch, 1e-4)[0].loss.numpy()
        seconds: dict[str, list[float]] = {"end to end": [], "step alone": []}
        for _ in range(args.turns):
            for loop in seconds:
                for i in range(_N_UNCOUNTED + args.steps):
                    if i == _N_UNCOUNTED:
                        started = time.perf_counter()
                    batch = fixed if loop == "step alone" else _with_targets(next(batches))
                    step(batch, 1e-4)[0].loss.numpy()
                seconds[loop].append((time.perf_counter() - started) / args.steps)
    for loop, times in seconds.items():
        median = statistics.median(times)
        print(f"{loop}: {args.batch_size / median:.1f} clips/s, {median:.3f} s per step")
    ratios = [
        alone / whole
        for alone, whole in zip(seconds["step alone"], seconds["end to end"], strict=True)
    ]
    print(
        f"speed end to end / step alone: {statistics.median(ratios):.3f}, "
        f"{min(ratios):.3f} to {max(ratios):.3f}"
    )


def _with_targets(step):
    """Return the batches with targets for the network's 12 labels, as the data has only one."""
    import tensorflow as tf

    return tuple(batch._replace(targets=tf.one_hot(batch.labels, 12)) for batch in step)


if __name__ == "__main__":
    main()
