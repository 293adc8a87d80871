"""What --mode=show_data shows, against what training does and what clips were made of."""

import csv

import numpy as np
import pandas as pd
import pytest
import soundfile

from open_seq2seq.cli import main
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.augment import pitch_grid
from open_seq2seq.data.measures import measure
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError
from open_seq2seq.reports import figures
from open_seq2seq.reports.odd_clips import find_odd_clips
from open_seq2seq.reports.shown_data import choose_rows, show_clip, survey
from tests.support.browser import chrome
from tests.support.paths import TINY

RATE = 16000


def open_dataset(manifest, **params):
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)],
        num_readers=1,
        augment_data=True,
        **{"time_masks": 1, "noise_level_min": -60.0, "noise_level_max": -50.0, **params},
    )
    return layer.open(training=True, seed=5)


@pytest.fixture(scope="module")
def dataset(tone_dataset):
    return open_dataset(tone_dataset / "v2-12-train.csv")


def test_what_is_shown_is_what_training_gets(dataset):
    slot = 7
    steps = {step.name: step for step in show_clip(dataset, slot).steps}
    assert list(steps) == ["as it is", "pitch", "stretched", "noise", "masked", "all at once"]
    plan = Sampler(len(dataset), len(dataset)).in_order()
    ((batch,),) = dataset.batches(plan, epoch=0)
    np.testing.assert_allclose(steps["all at once"].image, batch.features[slot], atol=1e-4)
    draws = dataset.draws(0)
    semitones = pitch_grid(2.0)[draws.pitch[slot]]
    assert steps["pitch"].caption == f"{semitones:+.3g} semitones, epoch 1"
    assert steps["stretched"].caption == f"{draws.stretch[slot]:.2f}× as fast, epoch 1"
    noise_db = 20 * np.log10(draws.noise_gain[slot])
    assert steps["noise"].caption == f"{noise_db:.0f} dB, epoch 1"


def test_each_effect_is_shown_alone(dataset, tone_dataset):
    shown = show_clip(dataset, 7)
    steps = {step.name: step for step in shown.steps}
    layer = SpeechCommandsDataLayer(dataset_files=[str(tone_dataset / "v2-12-train.csv")])
    plain = layer.open(training=False, seed=0)
    expected = plain.images(np.array([7]), plain.drawn(0))
    changed = [name for name in steps if not np.allclose(steps[name].image, expected[0], atol=0.2)]
    assert changed == ["pitch", "stretched", "noise", "masked", "all at once"]
    # a mask covers whole frames with the value of the padding and leaves the others alone
    image, before = steps["masked"].image, steps["as it is"].image
    covered = (image == image.min()).all(axis=1)
    np.testing.assert_array_equal(image[~covered], before[~covered])
    # the sound too: noise of its level alone, and a length that is that of the stretch
    added = steps["noise"].samples - steps["as it is"].samples
    assert f"{20 * np.log10(added.std()):.0f} dB" in steps["noise"].caption
    speed = float(steps["stretched"].caption.split("×")[0])
    n, stretched = len(steps["as it is"].samples), len(steps["stretched"].samples)
    assert n / stretched == pytest.approx(speed, abs=0.006)


def test_an_effect_that_is_rare_is_shown_from_the_epoch_that_draws_it(tone_dataset):
    dataset = open_dataset(
        tone_dataset / "v2-12-train.csv", augment_prob=0.2, time_masks=0, noise_level_max=None
    )
    slot, step = next(
        (slot, step)
        for slot in range(20)
        for step in show_clip(dataset, slot).steps
        if step.name == "pitch" and not step.caption.endswith("epoch 1")
    )
    number = int(step.caption.rsplit(" ", 1)[1]) - 1
    middle = len(pitch_grid(2.0)) // 2
    drawn = [int(dataset.draws(epoch).pitch[slot]) for epoch in range(number + 1)]
    assert drawn[:-1] == [middle] * number and drawn[-1] != middle


@pytest.mark.parametrize(
    ("seconds", "params", "caption"),
    [
        # frames of 10 ms: 1 + 16000 // 160
        (1.0, {"hop_length": 160}, "101 frames, padded to 128 on both sides"),
        (2.0, {"hop_length": 160}, "sliced, 128 of 201 frames"),
        (1.27, {"hop_length": 160}, "128 frames"),
        (0.5, {"hop_length": 160, "pad_side": "end"}, "51 frames, padded to 128 at the end"),
    ],
)
def test_captions_of_slicing_and_padding(write_manifest, tone, seconds, params, caption):
    manifest = write_manifest([0, 0], [tone(440.0, seconds)] * 2)
    dataset = open_dataset(manifest, **params)
    assert show_clip(dataset, 0).steps[0].caption == caption


def test_chosen_clips_are_those_that_are_named(dataset, tone_dataset):
    clips = dataset.paths
    assert choose_rows(dataset, [clips[3], clips[0]], 5, 0) == [3, 0]
    assert len(set(choose_rows(dataset, [], 5, 0))) == 5
    assert choose_rows(dataset, [], 5, 0) == choose_rows(dataset, [], 5, 0)
    with pytest.raises(UserError, match="no clip of the training data"):
        choose_rows(dataset, [str(tone_dataset / "v2-12-labels.txt")], 5, 0)


def test_a_clip_that_the_first_epoch_leaves_out_can_be_shown(write_manifest, tone):
    """Of ten clips of a source an epoch shows two or so."""
    own = write_manifest([0, 1], [tone(440.0)] * 2)
    more = write_manifest([1] + [0] * 9, [tone(100.0 * k) for k in range(3, 13)], "tiny-more")
    source = {"dataset_files": [str(more)], "weight": 0.5}
    dataset = open_dataset(own, sources=[source], labels_file=str(own.parent / "tiny-labels.txt"))
    left_out = sorted(set(range(12)) - set(dataset.rows(0).tolist()))
    assert len(left_out) >= 8
    path = dataset.paths[left_out[-1]]
    (row,) = choose_rows(dataset, [path], 5, 0)
    shown = show_clip(dataset, row)
    assert (row, shown.path, shown.label) == (left_out[-1], path, "label0")
    samples, _ = soundfile.read(path)
    np.testing.assert_allclose(shown.steps[0].samples, samples, atol=1e-4)


def test_effects_that_are_off_are_not_looked_for_in_other_epochs(write_manifest, tone, monkeypatch):
    """Of a thousand slots, none of which has an effect, the next fifty epochs are not drawn."""
    manifest = write_manifest([0], [tone(440.0)])
    header, line = manifest.read_text().splitlines()
    manifest.write_text("\n".join([header, *[line] * 1000]) + "\n")
    dataset = open_dataset(manifest, pitch_shift=0.0)
    drawn = []
    of_epoch = dataset.drawn
    monkeypatch.setattr(dataset, "drawn", lambda number: drawn.append(number) or of_epoch(number))
    names = [step.name for step in show_clip(dataset, 3).steps]
    assert "pitch" not in names and {"noise", "stretched", "masked"} <= set(names)
    assert max(drawn) < 10


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_clip_of_one_sample_and_a_label_in_chinese_are_drawn(write_manifest, tone, tmp_path):
    """The picture's font has no such letter, which is escaped; the page has it as it is."""
    manifest = write_manifest([0], [tone(440.0)[:1]])
    (tmp_path / "tiny-labels.txt").write_text("左\n", encoding="utf-8")
    figure = figures.draw_clip(show_clip(open_dataset(manifest), 0), RATE, 160)
    figures.save(figure, tmp_path / "clip.png")
    assert figure.get_suptitle().startswith(r"\u5de6: ")


def test_rows_and_clips_of_labels_are_counted(write_manifest, tone):
    manifest = write_manifest([0, 0, 1], [tone(440.0), tone(600.0), tone(900.0)])
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines, lines[-1], lines[-1]]) + "\n")  # balanced
    found = survey({"train": open_dataset(manifest)})
    assert found.n_rows == {"train": [2, 3]} and found.n_clips == {"train": [2, 1]}
    lengths = found.histograms[0]
    assert lengths.title == "length, s" and sum(lengths.counts["train"]) == 3
    first = lines[1]
    wrong = "1," + first.partition(",")[2]
    manifest.write_text("\n".join([*lines, wrong]) + "\n")  # the first clip as both labels
    found = survey({"train": open_dataset(manifest)})
    assert found.n_rows == found.n_clips == {"train": [2, 2]}


def noisy(tone, seconds=1.0, start_s=0.3, length_s=0.4, amplitude=0.3):
    samples = np.random.default_rng(0).normal(scale=1e-4, size=round(seconds * RATE))
    first = round(start_s * RATE)
    samples[first : first + round(length_s * RATE)] += tone(440.0, length_s, amplitude)
    return np.rint(32768 * samples).astype(np.int16)


def test_clips_that_look_wrong_are_found_with_their_reason(tone):
    sound = {
        "good": noisy(tone),
        "edge": noisy(tone, start_s=0.6),
        "short": noisy(tone, seconds=0.15, start_s=0.02, length_s=0.1),
        "clipped": (np.clip(noisy(tone), -3000, 3000)),
        "faint": (noisy(tone) // 300).astype(np.int16),
        "again": noisy(tone, amplitude=0.2),
        "twin": noisy(tone, amplitude=0.2),
        "leaked": noisy(tone),
    }
    measured = {path: measure(samples, RATE) for path, samples in sound.items()}
    measured["broken"] = "no samples"
    split = {"leaked": "test"}
    rows = pd.DataFrame(
        {
            "split": [split.get(path, "train") for path in measured],
            "label": ["no" if path == "twin" else "yes" for path in measured],
            "path": list(measured),
        }
    )
    odd = find_odd_clips(rows, measured, {"edge": "its channels cancel"})
    found = {(each.kind, each.path) for each in odd}
    assert found == {
        ("flawed", "edge"),
        ("cut off", "edge"),
        ("too short", "short"),
        ("clipped", "clipped"),
        ("nearly silent", "faint"),
        ("two labels", "twin"),
        ("two splits", "leaked"),
        ("unreadable", "broken"),
    }
    reasons = {each.kind: each.reason for each in odd}
    assert reasons["cut off"] == "the word ends beyond the clip"
    assert reasons["two labels"] == "the same samples as again, yes in train"
    assert reasons["too short"] == "0.15 s"


@pytest.mark.slow
def test_the_mode_writes_pictures_and_a_page_that_plays(tone_dataset, tmp_path, capsys):
    clip = tone_dataset / "yes" / "train03.wav"
    folder = tmp_path / "shown"
    flags = [f"--config_file={TINY}", f"--dataset_location={tone_dataset}", f"--show_dir={folder}"]
    assert main(["--mode=show_data", *flags, str(clip)]) == 0
    assert {path.name for path in folder.iterdir()} == {
        *("data.html", "odd_clips.csv", "clip-00.png", "labels.png", "histograms.png")
    }
    page = (folder / "data.html").read_text()
    assert str(clip) in page and "http" not in page.replace("http://www.w3.org", "")
    with open(folder / "odd_clips.csv") as file:
        assert list(csv.DictReader(file)) == []
    assert f"page: {folder / 'data.html'}" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"show_dir: .* not an empty folder"):
        main(["--mode=show_data", *flags])
    with chrome() as driver:
        driver.get((folder / "data.html").as_uri())
        sounds = driver.find_elements("css selector", "audio")
        assert len(sounds) >= 5
        assert all(each.get_attribute("src").startswith("data:audio/") for each in sounds)
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
