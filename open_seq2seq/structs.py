"""The named tuples that travel between the parts; tf.data and tf.function carry them as they are."""

from __future__ import annotations

from typing import Any, NamedTuple

Tensor = Any  # TensorFlow's; naming its class would import it
Variable = Any
KerasModel = Any


class Clips(NamedTuple):
    """Waveforms and what was drawn for each, as the host hands them to the front end."""

    waveforms: Any  # int16 [batch, samples], zeros after a clip's end
    lengths: Any  # int32 [batch], samples
    pitch: Any  # int32 [batch], index into `augment.pitch_grid`
    stretch: Any  # float32 [batch], above 1 is faster
    noise_gain: Any  # float32 [batch], standard deviation of the added noise
    noise_start: Any  # float32 [batch] in [0, 1), place in the noise table to start at
    background_gain: Any  # float32 [batch], factor of the recorded noise
    background_start: Any  # float32 [batch] in [0, 1), place in the recorded noise to start at
    crop: Any  # float32 [batch] in [0, 1), place of the slice taken from a clip that is too long

    @classmethod
    def of(cls, waveforms: Any, lengths: Any, draws: Any) -> Clips:
        """Put waveforms together with those of the `augment.Draws` that the front end needs."""
        return cls(waveforms, lengths, *(getattr(draws, name) for name in cls._fields[2:]))


class Batch(NamedTuple):
    """What a training step or an evaluation sees."""

    features: Any  # float32 [batch, frames, features]
    lengths: Any  # int32 [batch], frames that count; those after them only fill the image
    labels: Any  # int32 [batch]
    targets: Any  # float32 [batch, labels], what the probabilities should be: 1 for the label unless clips are mixed
    weights: Any  # float32 [batch]; 0 for the rows that only fill the last batch

    @property
    def inputs(self) -> dict[str, Any]:
        """What a model takes, by the names of its inputs."""
        return {"features": self.features, "lengths": self.lengths}


class EncoderOutputs(NamedTuple):
    """What an encoder hands to a decoder."""

    hidden: Any  # [batch, hidden], or [batch, frames, hidden]
    lengths: Any  # int32 [batch], frames of hidden that count


class StepMetrics(NamedTuple):
    """What one training step reports, already averaged over the workers; all scalars."""

    loss: Any
    gradient_norm: Any
    loss_scale: Any
    skipped: Any  # bool: the gradients were not finite, nothing was applied
    details: Any = None  # StepDetails, where summaries ask for them


class StepDetails(NamedTuple):
    """What one training step did to each trained variable; lists of tensors."""

    gradients: list[Any]  # averaged over the workers, unscaled, clipped
    larc_factors: list[Any]  # scalars; empty without LARC
