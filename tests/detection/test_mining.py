"""False accepts are cut where they lie, those of highest score first."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from open_seq2seq.commands import mine as command
from open_seq2seq.config.calibration import Calibration
from open_seq2seq.config.mine_params import MineParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.manifests import read_labels, read_manifests
from open_seq2seq.detection.mine import mine
from open_seq2seq.detection.tracks import Spoken, write_list
from open_seq2seq.errors import UserError
from tests.support.tones import make_tone, save_wav

RATE = 16000
LABELS = ("yes", "no", "unknown")
PARAMS = {"hop_s": 0.25, "smoothing": 1, "threshold": 0.2, "margin_s": 0.125}


class Loudness:
    """A model for which a sound is "yes" as much as it is loud; and "no" half as much."""

    labels = LABELS
    calibration = None
    data_layer = SpeechCommandsDataLayer(audio_length=128, hop_length=160)

    def probabilities(self, waveforms):
        peaks = [np.sqrt(2 * np.mean(np.square(w.astype(float)))) / 32768 for w in waveforms]
        return np.array([[p, p / 2, 1 - 1.5 * p] for p in peaks], np.float32)


def save_bursts(path, bursts, seconds=20):
    """Write silence with tones of a second; each burst is (its start in seconds, amplitude)."""
    sound = np.zeros(seconds * RATE)
    for start_s, amplitude in bursts:
        sound[round(start_s * RATE) :][:RATE] = make_tone(800, 1.0, amplitude)
    return str(save_wav(path, sound))


def mined(folder, paths, **params):
    out = folder / "out"
    found = mine(Loudness(), paths, MineParams(**{**PARAMS, **params}), out, lambda n, total: None)
    if not out.exists():
        return found, None, out
    return found, pd.read_csv(out / "mined-places.csv"), out


def test_clips_are_the_windows_with_a_margin_loudest_first(tmp_path):
    first = save_bursts(tmp_path / "a.wav", [(3.0, 0.25), (10.0, 0.375)])
    second = save_bursts(tmp_path / "b.flac", [(5.5, 0.3), (15.0, 0.15)])
    found, places, out = mined(tmp_path, [first, second])
    assert found.hours == pytest.approx(40 / 3600) and found.events == {"yes": 3}
    assert list(places["recording"]) == [first, second, first]
    assert list(places["score"]) == pytest.approx([0.375, 0.3, 0.25], abs=1e-3)
    # a window of the burst alone, and an eighth of a second before and after it
    assert list(places["start"]) == [9.875, 5.375, 2.875]
    assert list(places["end"]) == [11.125, 6.625, 4.125]
    for row in places.itertuples():
        clip, rate = soundfile.read(out / row.path, dtype="int16")
        whole, _ = soundfile.read(row.recording, dtype="int16")
        assert rate == RATE
        np.testing.assert_array_equal(clip, whole[round(row.start * RATE) :][: len(clip)])
        assert len(clip) == round(1.25 * RATE)


def test_training_can_read_the_manifest(tmp_path):
    first = save_bursts(tmp_path / "x" / "tv, loud.wav", [(3.0, 0.25)])
    second = save_bursts(tmp_path / "y" / "tv, loud.wav", [(5.0, 0.3)])
    third = save_bursts(tmp_path / "y" / "radio.wav", [(5.0, 0.4)])
    _, _, out = mined(tmp_path, [first, second, third])
    labels = read_labels(out / "mined-labels.txt")
    assert labels == LABELS
    rows = read_manifests([out / "mined-train.csv"], labels)
    assert list(rows["label"]) == [2, 2, 2] and list(rows["word"]) == ["unknown"] * 3
    assert rows["path"].str.startswith(str(out.resolve())).all()
    speakers = pd.read_csv(out / "mined-train.csv")["speaker"]
    assert list(speakers) == ["radio", second, first]
    dataset = SpeechCommandsDataLayer(dataset_files=[str(out / "mined-train.csv")])
    assert dataset.read_labels() == LABELS


def test_as_many_as_asked_for(tmp_path):
    bursts = [(1.0 + 3 * index, 0.25 + 0.05 * index) for index in range(6)]
    path = save_bursts(tmp_path / "a.wav", bursts)
    found, places, out = mined(tmp_path, [path], most=2, thresholds={"no": 1.0})
    assert found.events == {"yes": 6} and len(found.clips) == 2
    assert list(places["start"]) == [15.875, 12.875]
    assert sorted(clip.name for clip in (out / "clips").iterdir()) == ["00000.wav", "00001.wav"]


def test_two_labels_at_once_are_one_clip(tmp_path):
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.5)])
    found, places, _ = mined(tmp_path, [path])
    assert found.events == {"yes": 1, "no": 1}
    assert list(places["heard"]) == ["yes"]


def test_the_score_is_the_highest_average_not_that_of_the_first_window(tmp_path):
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.4)])
    _, places, _ = mined(tmp_path, [path], smoothing=3)
    # the burst as a whole, and three quarters of it on both sides
    powers = np.array([0.75, 1.0, 0.75])
    assert places["score"][0] == pytest.approx(np.mean(0.4 * np.sqrt(powers)), abs=2e-3)
    assert list(places["start"]) == [2.875]


def test_a_clip_stays_within_its_recording(tmp_path):
    edges = save_bursts(tmp_path / "a.wav", [(0.0, 0.4), (19.0, 0.3)])
    short = save_bursts(tmp_path / "b.wav", [(0.0, 0.25)], seconds=1)
    _, places, out = mined(tmp_path, [edges, short], clip_s=1.5)
    assert list(places["start"]) == [0.0, 18.5, 0.0]
    assert list(places["end"]) == [1.5, 20.0, 1.0]
    assert [soundfile.info(out / path).frames for path in places["path"]] == [24000, 24000, RATE]


def test_where_a_list_says_a_keyword_nothing_is_cut(tmp_path):
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.3), (8.0, 0.4), (13.0, 0.5)])
    said = [Spoken(8.2, 8.6, "yes"), Spoken(3.2, 3.6, "unknown", "bed")]
    write_list(tmp_path / "a.csv", said)
    found, places, _ = mined(tmp_path, [path], thresholds={"no": 1.0})
    assert found.events == {"yes": 2}
    assert list(places["start"]) == [12.875, 2.875]


def test_nothing_heard_writes_nothing(tmp_path):
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.1)])
    found, _, out = mined(tmp_path, [path])
    assert not found.events and not out.exists() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"label": "other"}, "the model has no such label; its labels are yes, no, unknown"),
        ({"label": "yes"}, "a keyword of the model"),
        ({"window_s": 3.0}, "longer than what the model hears"),
        ({"thresholds": {"on": 0.5}}, "the model has no label 'on'"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(tmp_path, params, message):
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.3)])
    with pytest.raises(UserError, match=message):
        mined(tmp_path, [path], **params)
    assert not (tmp_path / "out").exists()


def test_bad_recordings_are_refused_before_anything_is_heard(tmp_path):
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.3)])
    (tmp_path / "b.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"b\.wav: cannot be used"):
        mined(tmp_path, [path, str(tmp_path / "b.wav")])
    with pytest.raises(UserError, match="no such audio file"):
        mined(tmp_path, [str(tmp_path / "c.wav")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(UserError, match="not an empty folder"):
        mined(tmp_path, [path])


def test_the_command_mines_with_a_trained_model(trained, tmp_path, capsys):
    times = np.arange(RATE) / RATE
    tones = [0.3 * np.sin(2 * np.pi * hz * times) for hz in (267, 475, 1503)]
    pause = 0.003 * np.random.default_rng(0).standard_normal(RATE)
    save_wav(tmp_path / "in" / "tones.wav", np.concatenate([pause, *tones, pause]))
    out = tmp_path / "out"
    flags = [f"--logdir={trained[0]}", f"--output_dir={out}", "--smoothing=1", "--threshold=0.15"]
    command.main([*flags, str(tmp_path / "in")])
    shown = capsys.readouterr().out
    rows = read_manifests([out / "mined-train.csv"], read_labels(out / "mined-labels.txt"))
    assert len(rows) and set(rows["label"]) == {10}
    assert f"{len(rows)} clip" in shown and "clips/00000.wav: " in shown
    command.main([*flags[:1], f"--output_dir={tmp_path / 'none'}", "--threshold=1", str(tmp_path)])
    assert "nothing is written" in capsys.readouterr().out and not (tmp_path / "none").exists()


def test_the_quiet_labels_are_those_of_the_calibration(tmp_path):
    model = Loudness()
    model.calibration = Calibration(
        checkpoint_step=1,
        false_accepts_per_hour=1.0,
        stream=StreamParams(quiet_labels=["no"]),
        window_thresholds={},
        extrapolated=False,
        corpora=[],
        recall_interval=(0.0, 1.0),
        rate_interval=(0.0, 1.0),
    )
    model.step = 1
    path = save_bursts(tmp_path / "a.wav", [(3.0, 0.3)])
    params = MineParams(**PARAMS, label="no")
    found = mine(model, [path], params, tmp_path / "out", lambda n, total: None)
    assert set(found.events) == {"yes", "unknown"}
    with pytest.raises(UserError, match=r"--label unknown: a keyword .*--quiet_labels, no$"):
        mine(model, [path], MineParams(**PARAMS), tmp_path / "two", lambda n, total: None)
