"""Names of folders: the dataset's noise, and what the preprocessing writes."""

from __future__ import annotations

from open_seq2seq.data.dataset_versions import DATASET_VERSIONS

NOISE_FOLDER = "_background_noise_"


def silence_folder(version: str) -> str:
    """Return the name of the folder of silence clips, beside the manifests of ``version``."""
    return f"{version}-silence"


def noise_folder(version: str) -> str:
    """Return the name of the folder of noise for augmentation."""
    return f"{version}-noise"


_WRITTEN = {
    name
    for version in DATASET_VERSIONS
    for name in (silence_folder(version), noise_folder(version))
}


def is_written_folder(name: str) -> bool:
    """Tell whether the preprocessing writes a folder of this name, for whatever version.

    The output folder may be the dataset's own, and what an earlier call wrote there is no word.
    """
    return name in _WRITTEN
