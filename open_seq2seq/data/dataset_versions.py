"""The labels of each Speech Commands version, in the order that checkpoints keep.

The order is OpenSeq2Seq's, so that a checkpoint trained there keeps its meaning. The word lists are
those of Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", 2018
(arXiv:1804.03209).
"""

from __future__ import annotations

from open_seq2seq.structs import MergedClasses

UNKNOWN = "unknown"
SILENCE = "silence"

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")

_V1_OTHER_WORDS = [
    "bed",
    "bird",
    "cat",
    "dog",
    "eight",
    "five",
    "four",
    "happy",
    "house",
    "marvin",
    "nine",
    "one",
    "seven",
    "sheila",
    "six",
    "three",
    "tree",
    "two",
    "wow",
    "zero",
]
_V2_ONLY_WORDS = ["backward", "follow", "forward", "learn", "visual"]

V1_WORDS = (*KEYWORDS, *_V1_OTHER_WORDS)
V2_WORDS = tuple(sorted((*V1_WORDS, *_V2_ONLY_WORDS)))

LABELS: dict[str, tuple[str, ...]] = {
    "v1-12": (*KEYWORDS, UNKNOWN, SILENCE),
    "v1-30": V1_WORDS,
    "v2": V2_WORDS,
    "v2-12": (*KEYWORDS, UNKNOWN, SILENCE),
}

# Custom keywords, `--keywords a,b,c`, make manifests of this name.
CUSTOM_VERSION = "keywords"

DATASET_VERSIONS = (*LABELS, CUSTOM_VERSION)


def words_of(version: str) -> tuple[str, ...]:
    """Return every word recorded in the release (v0.01 or v0.02) that ``version`` is made from."""
    if version.startswith("v1"):
        return V1_WORDS
    return V2_WORDS


def labels_for_keywords(
    keywords: list[str], *, unknown: bool = True, silence: bool = True
) -> tuple[str, ...]:
    """Return the labels of custom keywords: these in their order, then unknown and silence.

    Args:
        keywords: the words.
        unknown: whether there is a label for other words.
        silence: whether there is a label for clips without speech.
    """
    labels = tuple(keywords)
    if unknown:
        labels += (UNKNOWN,)
    if silence:
        labels += (SILENCE,)
    return labels


def merged_classes(labels: tuple[str, ...], classes: tuple[str, ...]) -> MergedClasses | None:
    """Return the classes beyond the labels as the network has them; None where there are none.

    Args:
        labels: with unknown among them, if there are further classes.
        classes: words of unknown that are classes of their own.
    """
    if not classes:
        return None
    return MergedClasses(labels.index(UNKNOWN), len(classes))
