"""Optimizers, learning-rate policies and loss scales."""
