"""A local page on which a trained model is tried: a recording, or the microphone live."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"server": ["Page"]})
