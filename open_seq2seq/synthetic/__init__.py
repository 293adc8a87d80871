"""Synthetic speech in the layout of the Speech Commands data set, for trials without a download."""
