"""Named tuples that travel between the parts; tf.function carries them as they are."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

# names for what TensorFlow and Keras make: importing them for their types would take seconds at
# every start
Tensor: TypeAlias = Any
Variable: TypeAlias = Any
KerasModel: TypeAlias = Any
# probabilities of the labels: their sum is 1, or each is that of its label against all others
OutputKind = Literal["softmax", "sigmoid"]


class Clips(NamedTuple):
    """Waveforms and what was drawn for each, as the host hands them to the front end."""

    # [batch, samples], zeros after a clip's end; int16, or float32 in steps of int16 out of a room
    waveforms: Tensor
    lengths: Tensor  # int32 [batch], samples
    pitch: Tensor  # int32 [batch], index into `augment.pitch_grid`
    stretch: Tensor  # float32 [batch], above 1 is faster
    noise_gain: Tensor  # float32 [batch], standard deviation of the added noise
    noise_colour: Tensor  # int32 [batch], index into `acoustics.Acoustics.colours`
    noise_start: Tensor  # float32 [batch] in [0, 1), position in the noise table to start at
    background_gain: Tensor  # float32 [batch], factor of the recorded noise
    background_start: Tensor  # float32 [batch] in [0, 1), position in the recorded noise
    crop: Tensor  # float32 [batch] in [0, 1), position of the slice taken from a long clip
    gain: Tensor  # float32 [batch], factor of clip and recorded noise
    overdrive: Tensor  # float32 [batch], where the peak would lie if it were not cut off; 0: as is
    equalizer_db: Tensor  # float32 [batch, bands], gains of the equalizer

    @classmethod
    def of(cls, waveforms: Tensor, lengths: Tensor, draws: Any) -> Clips:
        """Put waveforms together with those of the `augment.Draws` that the front end needs."""
        return cls(waveforms, lengths, *(getattr(draws, name) for name in cls._fields[2:]))


class Batch(NamedTuple):
    """What a training step or an evaluation sees."""

    features: Tensor  # float32 [batch, frames, features]
    lengths: Tensor  # int32 [batch], frames that count; those after them only fill the image
    labels: Tensor  # int32 [batch]
    # float32 [batch, classes], what the probabilities should be: 1 for the class unless clips are
    # mixed. Classes are the labels, and in training there may be further ones
    targets: Tensor
    weights: Tensor  # float32 [batch]; 0 for the rows that only fill the last batch

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a model takes, by the names of its inputs."""
        return {"features": self.features, "lengths": self.lengths}


class MergedClasses(NamedTuple):
    """Classes beyond the labels, the last outputs of a network, that belong to one label."""

    label: int  # index of the label
    n: int


class EncoderOutputs(NamedTuple):
    """What an encoder hands to a decoder."""

    hidden: Tensor  # [batch, hidden], or [batch, frames, hidden]
    lengths: Tensor  # int32 [batch], frames of hidden that count


class StepMetrics(NamedTuple):
    """What one training step reports, already averaged over the workers; all scalars."""

    loss: Tensor
    gradient_norm: Tensor
    loss_scale: Tensor
    skipped: Tensor  # bool: the gradients were not finite, nothing was applied
    details: StepDetails | None = None  # where summaries ask for them


class StepDetails(NamedTuple):
    """What one training step did to each trained variable; lists of tensors."""

    gradients: list[Tensor]  # averaged over the workers, unscaled, clipped
    larc_factors: list[Tensor]  # scalars; empty without LARC
