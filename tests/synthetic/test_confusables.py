"""What sounds like a keyword: from a vocabulary, from a phrase's parts, and pseudo-words."""

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.confusables import confusables, confusables_of, says_keyword
from open_seq2seq.synthetic.pronunciation import pronounce
from open_seq2seq.synthetic.pseudo_words import pseudo_words
from open_seq2seq.synthetic.vocabulary import common_words, read_vocabulary


def by_text(found):
    return {each.text: (each.kind, each.distance) for each in found}


def test_near_words_with_their_distances_and_far_ones_not():
    found = by_text(confusables("stop", ["top", "step", "banana", "stop", "shop"]))
    words = {text: each for text, each in found.items() if not text.startswith("[[")}
    # "shop" drops s and changes t into sh: 1 + 2/3
    assert words == {"top": ("word", 1.0), "step": ("word", 1.0)}


def test_homophones_are_marked_and_so_is_what_says_the_keyword():
    found = by_text(confusables("right", ["write", "right here", "light", "Right"]))
    assert found["write"] == ("homophone", 0.0)
    assert found["right here"][0] == "contains"
    assert found["light"] == ("word", 0.333)
    assert found["Right"] == ("homophone", 0.0)


def test_a_phrase_has_parts_its_reverse_and_its_words_neighbours():
    found = by_text(confusables("hey lamp", ["lamb", "say", "hay", "banana"]))
    assert found["hey lamb"] == ("word", 1.0)
    assert found["say lamp"] == ("word", 0.333)
    assert found["hay lamp"] == ("homophone", 0.0)
    assert found["lamp hey"][0] == "reversed"
    assert found["hey"] == ("part", 4.0)
    # the accent that drops h has one phoneme less to drop
    assert found["lamp"] == ("part", 1.0)
    assert not any("banana" in text for text in found)


def test_pseudo_words_are_halves_and_edits_that_english_could_have():
    made = {(" ".join(word.phonemes), word.kind) for word in pseudo_words(pronounce("stop").words)}
    assert ("s t 0", "half") in made and ("0 p", "half") in made
    assert ("s 0 p", "dropped") in made and ("t 0 p", "dropped") in made
    assert ("s k 0 p", "replaced") in made and ("s t 0 k", "replaced") in made
    # no English word begins with zt or ends without a vowel before its p
    assert not any(sounds.startswith("z t") for sounds, _ in made)
    assert not any(sounds == "s t p" for sounds, _ in made)
    # a vowel that is one step away is an accent's
    assert not any(sounds == "s t O: p" for sounds, _ in made)


def test_no_pseudo_word_sounds_like_a_word_that_is_there():
    assert "[[t2|'0|p]]" not in by_text(confusables("stop", ["top"]))
    for found in (confusables("go", common_words()), confusables("stop", common_words())):
        sounds = [each.phonemes for each in found if each.is_pseudo_word]
        assert len(set(sounds)) == len(sounds) > 0
        words = {accent for each in found if not each.is_pseudo_word for accent in each.by_accent}
        assert words.isdisjoint(sounds)


def test_one_keywords_confusable_is_never_another_keyword():
    alone = by_text(confusables("hey lamp", ["lamb"]))
    assert alone["lamp"][0] == "part"
    both = confusables_of(["hey lamp", "lamp"], ["lamb", "damp", "say"])
    says_one = {each.text for each in both if each.says_keyword}
    assert says_one == {"lamp", "lamp hey", "say lamp"}
    assert {"hey", "hey lamb", "hey damp", "lamb", "damp"} <= {
        each.text for each in both
    } - says_one
    texts = [each.text for each in both]
    assert len(set(texts)) == len(texts)


def test_says_keyword():
    assert says_keyword("yes please", ["no", "yes"]) == "yes"
    assert says_keyword("write", ["right"]) == "right"
    assert says_keyword("yesterday", ["yes"]) is None
    assert says_keyword("привет", ["привет"]) == "привет"


def test_a_keyword_that_cannot_be_said_is_refused():
    with pytest.raises(UserError, match="привет"):
        confusables("привет", ["top"])


def test_the_shipped_list_has_hundreds_of_words_each_once_and_sayable():
    words = common_words()
    assert len(words) == len(set(words)) > 500
    for word in words:
        assert word == word.strip().lower()
        pronounce(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat,dog", ("cat", "dog")),
        ('cat, hey lamp ,"a, b",cat', ("cat", "hey lamp", "a, b")),
        ("lamp", ("lamp",)),
    ],
)
def test_a_vocabulary_as_a_list(text, expected):
    assert read_vocabulary(text) == expected


def test_a_vocabulary_as_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("cat\n\nhey lamp\ncat\n")
    assert read_vocabulary(str(path)) == ("cat", "hey lamp")
    path.write_text("\n\n")
    with pytest.raises(UserError, match="no words"):
        read_vocabulary(str(path))
    path.write_bytes(b"\xff\xfec\0")
    with pytest.raises(UserError, match="cannot read the file"):
        read_vocabulary(str(path))
    with pytest.raises(UserError, match="No such file"):
        read_vocabulary(str(tmp_path / "none.txt"))
    with pytest.raises(UserError, match="double quotes"):
        read_vocabulary('"cat')
