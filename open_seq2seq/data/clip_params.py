"""All that decides how a clip becomes an image: the groups that a dataset takes."""

from __future__ import annotations

from open_seq2seq.data.acoustics import NO_ACOUSTICS, Acoustics
from open_seq2seq.data.augment import NO_AUGMENTATION, Augmentation
from open_seq2seq.data.context import Context
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.mixup import Mixup
from open_seq2seq.data.spec_augment import SpecAugment
from open_seq2seq.data.waveforms import Reading


class ClipParams(FrontEnd, Augmentation, Acoustics, Context, SpecAugment, Mixup, Reading):
    """Clips are read, augmented, transformed, sliced or padded, and kept in a cache if asked."""

    def without_augmentation(self) -> ClipParams:
        """Return the same parameters with nothing random done to clips and images."""
        off = {**dict(NO_AUGMENTATION), **dict(NO_ACOUSTICS)}
        off |= {**dict(SpecAugment()), **dict(Mixup())}
        off |= self.without_chance()
        off["augmentation"] = self.augmentation  # the engine makes the features all the same
        return self.model_copy(update=off)
