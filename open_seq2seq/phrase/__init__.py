"""From a phrase to a detector: data, training, calibration, measurement, export and report."""

import lazy_loader

# lazily: the command's --help must not wait for what the steps need
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"detector": ["make_detector"], "amounts": ["FULL", "QUICK", "Amounts"]},
)
