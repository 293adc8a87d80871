"""Size and speed of every shipped network in every format.

    python benchmarks/exports.py [CONFIG ...] --clips=FOLDER_OR_MANIFEST

The networks have their initial weights: size and speed do not depend on them. The difference is
that of a probability from the checkpoint's, on the same clips. Limits of accuracy are not applied,
since there is none. Each file is run by its own runtime, one clip at a time in one thread.
"""

import argparse
import logging
import tempfile
from pathlib import Path

import numpy as np

import open_seq2seq
from open_seq2seq.config import load_config
from open_seq2seq.config.shipped import find_config_file, shipped_configs
from open_seq2seq.errors import UserError
from open_seq2seq.exporting import trial
from open_seq2seq.network import build_network
from open_seq2seq.pretrained import PretrainedModel

LABELS = tuple(f"label{index}" for index in range(12))
FORMATS = [
    {"export_format": ["saved_model"]},
    {"export_format": ["onnx"]},
    {"export_format": ["tflite"], "export_dtype": ["float32"]},
    {"export_format": ["tflite"], "export_dtype": ["float16"]},
    {"export_format": ["tflite"], "export_dtype": ["int8"]},
    {"export_format": ["tflite_micro"]},
]


def make_model(name: str) -> PretrainedModel:
    """Return a shipped network whose activations are neither 0 nor all alike."""
    config = load_config(find_config_file(name), "infer", {})
    encoder, decoder, layer = config.encoder, config.decoder, config.data_layers["infer"]
    network = build_network(encoder, decoder, layer, len(LABELS))
    random = np.random.default_rng(0)
    for variable in network.non_trainable_variables:
        if "moving_variance" in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return PretrainedModel(network, layer, LABELS, encoder=encoder, decoder=decoder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configs", nargs="*", default=None)
    parser.add_argument("--clips", required=True)
    parser.add_argument("--check_clips", type=int, default=50)
    args = parser.parse_args()
    logging.getLogger("open_seq2seq").setLevel(logging.ERROR)
    trial.Trial.problem = lambda self, number: None
    print("| config | file | bytes | ms a clip, median (95 %) | largest difference | arena |")
    print("|---|---|---|---|---|---|")
    for name in args.configs or [each.name for each in shipped_configs()]:
        model = make_model(name)
        for wanted in FORMATS:
            with tempfile.TemporaryDirectory() as folder:
                params = {"export_files": [args.clips], "check_clips": args.check_clips, **wanted}
                try:
                    report = open_seq2seq.export(model, export_dir=str(Path(folder, "x")), **params)
                except UserError as error:
                    if "hears each frame once" not in str(error):
                        print(f"| {name} | {wanted} | {str(error)[:80]} | | | |", flush=True)
                    continue
                (file,) = report.trials
                print(
                    f"| {name.split('/')[-1]} | {file.file} | {file.n_bytes:,} | "
                    f"{file.median_ms:.2f} ({file.percentile_95_ms:.2f}) | "
                    f"{file.largest_difference:.2g} | {file.arena_bytes or ''} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
