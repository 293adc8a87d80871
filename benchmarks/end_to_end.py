"""Training end to end, with augmentation, against the same step in a bare loop on one batch in
memory.

    python benchmarks/end_to_end.py [--config_file example_configs/speech_commands/resnet50.py]
    [--batch_size 32]
        [--dtype float32] [--use_xla_jit]

Both take turns in one process, some steps at a time, so that what else the machine does falls on
both; the first steps of a turn, which find batches made ahead, are not counted. The clips are noise
of one second, made for the purpose: the work does not depend on what is said.
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

_UNCOUNTED = 4  # steps of each turn
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
    parser.add_argument("--steps", type=int, default=8, help="of each kind in a turn")
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
        # the data has one label; the network has twelve
        fixed, warm = (_with_targets(next(batches)) for _ in range(2))
        for batch in (fixed, warm, fixed):
            step(batch, 1e-4)[0].loss.numpy()
        seconds: dict[str, list[float]] = {"end to end": [], "bare": []}
        for _ in range(args.turns):
            for kind in seconds:
                for i in range(_UNCOUNTED + args.steps):
                    if i == _UNCOUNTED:
                        started = time.perf_counter()
                    batch = fixed if kind == "bare" else _with_targets(next(batches))
                    step(batch, 1e-4)[0].loss.numpy()
                seconds[kind].append((time.perf_counter() - started) / args.steps)
    for kind, times in seconds.items():
        print(
            f"{kind}: {args.batch_size / statistics.median(times):.1f} clips/s, {statistics.median(times):.3f} s a step"
        )
    ratios = [
        bare / whole for bare, whole in zip(seconds["bare"], seconds["end to end"], strict=True)
    ]
    print(
        f"end to end is {statistics.median(ratios):.3f} of bare, {min(ratios):.3f} to {max(ratios):.3f}"
    )


def _with_targets(step):
    import tensorflow as tf

    return tuple(batch._replace(targets=tf.one_hot(batch.labels, 12)) for batch in step)


if __name__ == "__main__":
    main()
