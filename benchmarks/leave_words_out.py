"""Recall of unknown on words that were never heard in training.

    python benchmarks/leave_words_out.py --data_dir=DIR --config=CONFIG --work_dir=DIR \
        --keywords=yes,no,up,down,left,right,stop,go --words=bed,cat,happy

For each of the words a model is trained without it and what sounds like it
(--held_out_words of the preprocessing). Then it hears the clips of the word by validation and test
speakers. Further flags go to the training, such as --num_epochs=30.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import open_seq2seq
from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.evaluation import wilson_interval
from open_seq2seq.preprocessing.dataset import scan_clips
from open_seq2seq.preprocessing.splits import split_officially

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir", required=True, type=Path)
    parser.add_argument("--config", required=True)
    parser.add_argument("--work_dir", required=True, type=Path)
    parser.add_argument("--keywords", required=True)
    parser.add_argument("--words", default="bed,cat,happy")
    parser.add_argument("--prepare", default="", help="further flags of the preprocessing")
    args, flags = parser.parse_known_args()
    clips = scan_clips(args.data_dir)
    clips = clips.assign(split=split_officially(clips, args.data_dir)[0])
    recalls: dict[str, list[float]] = {"val": [], "test": []}
    for word in args.words.split(","):
        folder = args.work_dir / word
        prepare(args, word, folder)
        logdir = folder / "run"
        train(args.config, folder, logdir, flags)
        model = open_seq2seq.from_pretrained(logdir)
        for split, values in recalls.items():
            paths = clips["path"][(clips["word"] == word) & (clips["split"] == split)]
            heard = model.predict([args.data_dir / path for path in paths])
            n = len(heard)
            recall = sum(each.label == UNKNOWN for each in heard) / n
            low, high = wilson_interval(recall, n)
            print(
                f"{word}, {split}: {recall:.1%} of {n} clips ({low:.1%} to {high:.1%})", flush=True
            )
            values.append(recall)
    for split, values in recalls.items():
        print(f"mean of {args.words}, {split}: {sum(values) / len(values):.1%}", flush=True)


def prepare(args: argparse.Namespace, word: str, folder: Path) -> None:
    if (folder / "keywords-labels.txt").exists():
        return
    script = ROOT / "scripts" / "speech_commands_preprocessing.py"
    flags = [f"--data_dir={args.data_dir}", f"--output_dir={folder}", f"--keywords={args.keywords}"]
    run([str(script), *flags, f"--held_out_words={word}", *args.prepare.split()])


def train(config: str, folder: Path, logdir: Path, flags: list[str]) -> None:
    given = [f"--config_file={config}", "--mode=train_eval", "--no_dir_check", f"--logdir={logdir}"]
    data = ["--dataset_version=keywords", f"--dataset_location={folder}"]
    run([str(ROOT / "run.py"), *given, *data, *flags])


def run(command: list[str]) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
