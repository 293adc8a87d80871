"""Speed of the data path in clips/s, with and without augmentation, for both engines.

    python benchmarks/data_path.py [--manifest data/speech_commands/v2-train.csv] [--batch_size 128]

Without a manifest the clips are generated noise: the speed does not depend on what is said.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.system.paths import user_path


def make_manifest(folder: Path, n_clips: int) -> Path:
    rng = np.random.default_rng(0)
    for i in range(n_clips):
        soundfile.write(
            folder / f"{i}.wav", 0.1 * rng.standard_normal(16000), 16000, subtype="PCM_16"
        )
    (folder / "noise-labels.txt").write_text("noise\n")
    manifest = folder / "noise-train.csv"
    manifest.write_text("label,path\n" + "".join(f"0,{i}.wav\n" for i in range(n_clips)))
    return manifest


def clips_per_s(
    manifest: Path, engine: str, augment: bool, batch_size: int, n_batches: int, repeats: int
) -> list[float]:
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)],
        augment_data=augment,
        augmentation=engine,
        cache_data="waveforms",
        shuffle=True,
    )
    dataset = layer.open(training=True, seed=0)
    sampler = Sampler(len(dataset), batch_size)
    rates = []
    for epoch in range(repeats + 1):  # the first epoch compiles
        batches = dataset.batches(sampler.for_training(0, epoch, shuffle=True), epoch)
        started = time.perf_counter()
        for _, (batch,) in zip(range(n_batches), batches, strict=False):
            batch.features.numpy()
        rates.append(n_batches * batch_size / (time.perf_counter() - started))
        batches.close()
    return rates[1:]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=user_path)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = args.manifest or make_manifest(Path(folder), 16 * args.batch_size)
        for name, engine, augment, n_batches in (
            ("spectral, fresh augmentation", "spectral", True, 16),
            ("spectral, no augmentation", "spectral", False, 16),
            ("librosa, fresh augmentation", "librosa", True, 1),
            ("librosa, no augmentation", "librosa", False, 2),
        ):
            rates = clips_per_s(manifest, engine, augment, args.batch_size, n_batches, args.repeats)
            print(
                f"{name:30} median {statistics.median(rates):7.0f} clips/s, "
                f"{min(rates):.0f} to {max(rates):.0f} over {len(rates)} passes",
                flush=True,
            )


if __name__ == "__main__":
    main()
