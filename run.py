#!/usr/bin/env python3
"""The command ``open-seq2seq`` in a checkout: train, evaluate and use a model; see --help."""

from open_seq2seq.cli import run

if __name__ == "__main__":
    run()
