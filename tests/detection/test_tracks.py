import pytest

from open_seq2seq.detection.tracks import Spoken, open_track, read_list, write_list
from open_seq2seq.errors import UserError


def test_a_list_is_read_as_it_was_written_in_the_order_of_starts(tmp_path):
    later = Spoken(2.5, 3.0, "yes", "yes", -5.0, "yes/a_nohash_0.wav")
    earlier = Spoken(0.25, 0.75, "unknown", 'a "quoted", word')
    write_list(tmp_path / "t.csv", [later, earlier])
    assert read_list(tmp_path / "t.csv") == (earlier, later)


def test_three_columns_are_enough(tmp_path):
    (tmp_path / "t.csv").write_text("label,start,end\nno,1,2\n")
    assert read_list(tmp_path / "t.csv") == (Spoken(1.0, 2.0, "no"),)


def test_a_recording_without_a_list_has_no_keywords(tmp_path):
    assert open_track(tmp_path / "long.wav").spoken == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start,end\n0,1\n", "column 'label' is missing"),
        ("", "column 'start' is missing"),
        ("start,end,label\n0,1,yes\n2,1,no\n", "line 3: end 1 is not after start 2"),
        ("start,end,label\n-1,1,yes\n", "line 2: start -1, expected 0 or more seconds"),
        ("start,end,label\nsoon,1,yes\n", "line 2: start: expected a number, got 'soon'"),
        ("start,end,label\nnan,1,yes\n", "line 2: start: expected a number"),
        ("start,end,label\n0,1,\n", "line 2: label is empty"),
        ("start,end,label\n0\n", "line 2: end: expected a number"),
    ],
)
def test_what_is_wrong_with_a_list_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_list(path)
    assert str(path) in str(error.value) and message in str(error.value)
