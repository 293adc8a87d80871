"""Data: from audio files to batches of log-mel images."""

import lazy_loader

# lazily: the preprocessing script needs this package, and none of what the data layer imports
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"speech_commands": ["SpeechCommandsDataLayer"]}
)
