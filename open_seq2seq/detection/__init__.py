"""What a detector does over hours: tracks, false accepts, thresholds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibrating": ["calibrate"],
        "corpora": ["Corpus", "open_corpora"],
        "curves": ["det_curves"],
        "hearing": ["hear"],
        "measuring": ["Measurement", "measure", "measure_heard"],
    },
)
