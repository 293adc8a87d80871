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
from pathlib import Path

from training import Training

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
        training = Training(
            args.config_file,
            args.batch_size,
            Path(folder),
            dtype=args.dtype,
            use_xla_jit=args.use_xla_jit,
        )
        whole, bare = [], []
        for _ in range(args.turns):
            whole.append(training.turn(args.steps))
            bare.append(training.bare_turn(args.steps))
    for loop, times in (("end to end", whole), ("step alone", bare)):
        median = statistics.median(times)
        print(f"{loop}: {args.batch_size / median:.1f} clips/s, {median:.3f} s per step")
    ratios = [alone / both for alone, both in zip(bare, whole, strict=True)]
    print(
        f"speed end to end / step alone: {statistics.median(ratios):.3f}, "
        f"{min(ratios):.3f} to {max(ratios):.3f}"
    )


if __name__ == "__main__":
    main()
