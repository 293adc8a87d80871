"""Names of folders: the dataset's noise, and what the preprocessing writes."""

from __future__ import annotations

from open_seq2seq.data.dataset_versions import DATASET_VERSIONS
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.preprocessing.negative_params import KINDS

NOISE_FOLDER = "_background_noise_"


def silence_folder(version: str) -> str:
    """Return the name of the folder of silence clips, beside the manifests of ``version``."""
    return f"{version}-silence"


def noise_folder(version: str) -> str:
    """Return the name of the folder of noise for augmentation."""
    return f"{version}-noise"


def negatives_folder(version: str, kind: str) -> str:
    """Return the name of the folder of the clips that are made for a kind of negatives."""
    return f"{version}-{kind}"


def sentence_list(version: str) -> str:
    """Return the name of the list of what is said in the recordings of sentences."""
    return f"{version}-sentences.csv"


def negatives_files(version: str) -> set[str]:
    """Return the names of all files and folders that negatives of ``version`` can have."""
    splits = (*SPLITS, "heldout-test")
    manifests = {f"{version}-{kind}-{split}.csv" for kind in KINDS for split in splits}
    folders = {negatives_folder(version, kind) for kind in KINDS}
    return {*manifests, *folders, f"{version}-confusables.csv", sentence_list(version)}


_WRITTEN = {
    name
    for version in DATASET_VERSIONS
    for name in (
        silence_folder(version),
        noise_folder(version),
        *(negatives_folder(version, kind) for kind in KINDS),
    )
}


def is_written_folder(name: str) -> bool:
    """Tell whether the preprocessing writes a folder of this name, for whatever version.

    The output folder may be the dataset's own, and what an earlier call wrote there is no word.
    """
    return name in _WRITTEN
