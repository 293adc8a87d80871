"""How much of a clip and its image is computed."""

from __future__ import annotations

import pytest

from open_seq2seq.data.front_end import Extent, FrontEnd


@pytest.mark.parametrize(
    ("hop_length", "block"), [(125, 25), (160, 32), (200, 25), (127, 1), (20, 20), (256, 32)]
)
def test_blocks_divide_the_hop(hop_length, block):
    for time_stretch, expected in ((0.2, block), (0.0, hop_length)):
        extent = Extent.of(FrontEnd(hop_length=hop_length), time_stretch)
        assert extent.block == expected
        assert extent.n_samples % expected == 0


def test_kept_samples_reach_past_the_last_frame():
    last_centre = 127 * 125 * 1.2
    assert Extent.of(FrontEnd(), time_stretch=0.2).n_samples >= last_centre + 1024 // 2


@pytest.mark.parametrize(
    ("pad_side", "longest", "first", "n_frames"),
    [
        ("both", None, 0, 128),
        ("both", 16000, 0, 128),
        # 8000 samples and one for rounding: 1 + 8001 // 125 = 65 frames of 128
        ("both", 8000, 31, 65),
        ("end", 8000, 0, 65),
    ],
)
def test_frames_that_no_clip_reaches_are_not_computed(pad_side, longest, first, n_frames):
    extent = Extent.of(FrontEnd(pad_side=pad_side), longest=longest)
    assert (extent.first_frame, extent.n_frames) == (first, n_frames)


def test_of_clips_that_are_slowed_down_more_frames_are_computed():
    # 8000 / 0.8 samples and one for rounding: 1 + 10001 // 125
    assert Extent.of(FrontEnd(), time_stretch=0.2, longest=8000).n_frames == 81
