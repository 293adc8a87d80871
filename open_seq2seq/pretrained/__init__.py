"""Trained models as Python objects, loaded by path or by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"model": ["PretrainedModel", "from_pretrained"]}
)
