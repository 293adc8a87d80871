"""Distances of pronunciations, each counted by hand from the costs of its edits."""

import pytest

from open_seq2seq.synthetic.phoneme_distance import as_token, distance, phonemes_of


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("s t 0 p", "s t 0 p", 0),
        ("s t 0 p", "t 0 p", 1),  # one dropped
        ("h eI l a m p", "h eI l a m", 1),
        ("b E d", "b E t", 1 / 3),  # voicing
        ("s t 0 p", "s t 0 k", 1 / 3),  # place
        ("T r i:", "t r i:", 2 / 3),  # place and manner
        ("g oU", "n oU", 2 / 3),
        ("b E d", "b a d", 1 / 3),  # one step of height
        ("p E n", "p eI n", 1 / 3),  # the glide
        ("b i: t", "b a t", 1),  # three steps
        ("k a t", "a k t", 1 + 1),  # a dropped and an inserted k
        ("oU", "g", 1),  # a vowel for a consonant
        ("", "s t 0 p", 4),
        ("aa n t", "a n t", 0),  # "aunt" is said with either vowel
        ("aa n t", "A: n t", 0),
    ],
)
def test_distance(one, other, expected):
    pair = tuple(one.split()), tuple(other.split())
    assert distance(*pair) == pytest.approx(expected)
    assert distance(*pair[::-1]) == pytest.approx(expected)


def test_allophones_are_one_phoneme():
    # "water" with a flap, "bottle" with a syllabic l, "radio" with a palatal mark
    assert phonemes_of(["w", "O:", "t#", "3"]) == ("w", "O:", "t", "3")
    assert phonemes_of(["b", "0", "t", "@L"]) == ("b", "0", "t", "@", "l")
    assert phonemes_of(["d", "I", ";", "oU"]) == ("d", "I", "oU")


def test_stress_marks_are_kept_apart():
    assert as_token("'oU") == ("'", "oU")
    assert as_token(",E") == (",", "E")
    assert as_token("t2") == ("", "t2")
    assert str(as_token("'oU")) == "'oU"
