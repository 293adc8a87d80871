"""Labels and probabilities for recordings of any number, rate and length."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "outputs": ["write_predictions"],
        "params": ["InferenceParams"],
        "predictor": ["Prediction", "Predictor"],
        "recordings": ["Recording", "Recordings", "recordings_of"],
    },
)
