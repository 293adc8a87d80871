"""Trained models as files for other runtimes, each tried by its own before it is handed over."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "export": ["export_model"],
        "report": ["Report"],
        "web": ["how_to_serve"],
    },
)
