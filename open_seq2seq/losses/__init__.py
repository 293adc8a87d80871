"""Losses: from logits and targets to one loss per clip."""

from open_seq2seq.losses.cross_entropy_loss import CrossEntropyLoss

__all__ = ["CrossEntropyLoss"]
