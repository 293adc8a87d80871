"""Configs: from a Python file, overlays and the command line to checked, typed parameters."""

import lazy_loader

# lazily: a config file imports `nested_update` from here while it is being read
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "loading": ["Config", "load_config", "nested_update"],
        "overrides": ["parse_value"],
    },
)
