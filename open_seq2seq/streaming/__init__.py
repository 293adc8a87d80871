"""Keywords in a stream of sound: probabilities over time, and events."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "detector": ["StreamingDetector"],
        "events": ["Event", "EventDetector"],
    },
)
