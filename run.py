#!/usr/bin/env python
"""Train, evaluate and use the model that a config file describes; see --help."""

import sys

from open_seq2seq.cli import main
from open_seq2seq.system.terminal import exit_on_user_error

if __name__ == "__main__":
    exit_on_user_error(lambda: main(sys.argv[1:]))
