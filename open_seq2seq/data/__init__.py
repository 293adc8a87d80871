"""Data: from audio files to batches of log-mel images."""

from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer

__all__ = ["SpeechCommandsDataLayer"]
