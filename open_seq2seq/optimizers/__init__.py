"""Optimizers, learning-rate policies, LARC and loss scaling."""
