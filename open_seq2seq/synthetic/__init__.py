"""Synthetic speech in the layout of Speech Commands, for trials without a download."""
