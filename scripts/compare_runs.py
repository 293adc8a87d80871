#!/usr/bin/env python3
"""The command ``open-seq2seq-compare`` in a checkout; see --help."""

try:
    from open_seq2seq.commands.compare import run
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; install it first: pip install --editable '.[cpu]'") from None

if __name__ == "__main__":
    run()
