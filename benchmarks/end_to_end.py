"""Training end to end, with augmentation, against the same step in a bare loop on one batch in memory.

    python benchmarks/end_to_end.py [--resnet_size 50] [--dtype float32] [--use_xla_jit]

Both take turns in one process, so that what else the machine does falls on both.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from data_path import make_manifest

from open_seq2seq.components import LayerOptions
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.distributed import Workers
from open_seq2seq.encoders import ResNetEncoder
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.models import Image2Label
from open_seq2seq.optimizers.loss_scaling import ConstantScale
from open_seq2seq.optimizers.optimizers import Momentum
from open_seq2seq.train_step import TrainStep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resnet_size", type=int, default=50)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--dtype", default="float32", choices=["float32", "mixed_bfloat16", "mixed_float16"])
    parser.add_argument("--use_xla_jit", action="store_true")
    parser.add_argument("--steps", type=int, default=10, help="of each kind")
    args = parser.parse_args()

    encoder = ResNetEncoder(resnet_size=args.resnet_size)
    model = Image2Label.build(encoder, FullyConnectedDecoder(), (128, 128), 12, LayerOptions(dtype=args.dtype))
    optimizer = Momentum().create()
    optimizer.build(model.trainable_variables)
    scaler = ConstantScale().create()
    step = TrainStep(model, CrossEntropyLoss(), optimizer, scaler, Workers(), use_xla_jit=args.use_xla_jit)

    with tempfile.TemporaryDirectory() as folder:
        manifest = make_manifest(Path(folder), (args.steps + 2) * args.batch_size)
        layer = SpeechCommandsDataLayer(
            dataset_files=[str(manifest)], augment_data=True, cache_data="waveforms", shuffle=True
        )
        dataset = layer.open(training=True, seed=0)
        batches = dataset.batches(Sampler(len(dataset), args.batch_size).for_training(0, 0, shuffle=True))
        fixed = next(batches)
        step(fixed, 1e-4)[0].loss.numpy()
        step(next(batches), 1e-4)[0].loss.numpy()

        seconds: dict[str, list[float]] = {"end to end": [], "bare": []}
        for _ in range(args.steps):
            for kind in seconds:
                started = time.perf_counter()
                step(fixed if kind == "bare" else next(batches), 1e-4)[0].loss.numpy()
                seconds[kind].append(time.perf_counter() - started)
    for kind, times in seconds.items():
        print(
            f"{kind}: {args.batch_size / statistics.median(times):.1f} clips/s, {statistics.median(times):.3f} s a step"
        )
    ratios = [bare / whole for bare, whole in zip(seconds["bare"], seconds["end to end"], strict=True)]
    print(f"end to end is {statistics.median(ratios):.3f} of bare, {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
