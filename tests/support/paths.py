"""Paths that several tests use."""

from pathlib import Path

from open_seq2seq.config.shipped import shipped_configs

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "example_configs" / "speech_commands"
CONFIGS = [config.path for config in shipped_configs()]
SUPPORT = Path(__file__).parent
TINY = SUPPORT / "tiny_config.py"  # a config that learns tones within seconds
EVENTFUL = SUPPORT / "eventful_config.py"  # a config with all the state that a resumed run restores
LOSING = SUPPORT / "losing_config.py"  # a config with worker failures
