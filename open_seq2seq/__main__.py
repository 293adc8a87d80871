"""``python -m open_seq2seq`` is the command ``open-seq2seq``."""

from open_seq2seq.cli import run

if __name__ == "__main__":
    run()
