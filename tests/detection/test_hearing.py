"""The network's pass over recordings: the same however they are read, and as in a stream."""

import logging

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.detection import hear, measure, open_corpora
from open_seq2seq.detection.hearing import in_batches
from open_seq2seq.errors import UserError
from open_seq2seq.inference.params import Windows
from open_seq2seq.streaming import StreamingDetector
from tests.support import stream_models

RATE = 16000


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


@pytest.fixture(scope="module")
def track():
    """Forty seconds of tones that come and go, int16."""
    random = np.random.default_rng(2)
    times = np.arange(RATE) / RATE
    tones = [0.5 * np.sin(2 * np.pi * hz * times) for hz in random.uniform(200, 3000, 20)]
    parts = [part for tone in tones for part in (tone, np.zeros(RATE))]
    noisy = np.concatenate(parts) + 0.003 * random.standard_normal(40 * RATE)
    return np.rint(32767 * noisy).astype(np.int16)


@pytest.fixture
def incremental_model():
    """One whose probabilities change with the sound: no layer gives zeros alone."""
    model, random = stream_models.make_model(), np.random.default_rng(3)
    for variable in model.network.variables:
        if variable.path.endswith("kernel"):
            is_depthwise = "depthwise" in variable.path
            fan_in = variable.shape[0] if is_depthwise else np.prod(variable.shape[:-1])
            variable.assign(random.normal(0.0, np.sqrt(2 / fan_in), variable.shape))
        if "moving_mean" in variable.path:
            variable.assign(np.zeros(variable.shape))
        if "beta" in variable.path:
            variable.assign(random.uniform(0.0, 0.3, variable.shape))
    return model


@pytest.fixture
def folder(track, tmp_path):
    soundfile.write(tmp_path / "long.wav", track, RATE)
    return tmp_path


def test_batches_are_those_of_the_track_however_it_is_read(model, track):
    windows = Windows(RATE, RATE // 10)
    expected = list(in_batches([track], windows, model.probabilities))
    assert len(expected) == 391
    assert [scores.start for scores in expected] == [1600 * index for index in range(391)]
    random = np.random.default_rng(0)
    for longest in (5000, 60000, 300000):
        cuts = np.cumsum(random.integers(0, longest, 1_300_000 // longest))
        blocks = np.split(track, cuts[cuts < len(track)])
        given = list(in_batches(blocks, windows, model.probabilities))
        assert [each.probabilities.tobytes() for each in given] == [
            each.probabilities.tobytes() for each in expected
        ]
        assert [each[:2] for each in given] == [each[:2] for each in expected]


@pytest.mark.parametrize("method", ["windows", "incremental"])
def test_the_events_are_those_of_a_stream(model, incremental_model, track, folder, method):
    if method == "incremental":
        model = incremental_model
    settings = {"method": method, "smoothing": 3, "min_gap_s": 0.5}
    detector = StreamingDetector(model, **settings)
    detector.push(track[: 10 * RATE])
    medians = np.median([scores.probabilities for scores in detector.scores], axis=0)
    settings["thresholds"] = dict(zip(model.labels, map(float, medians), strict=True))
    detector = StreamingDetector(model, **settings)
    expected = detector.push(track)
    events = measure(model, [str(folder)], DetectParams(**settings)).events
    assert len(expected) > 5
    assert [(each.event.label, each.event.end) for each in events] == [
        (event.label, event.end) for event in expected
    ]
    np.testing.assert_allclose(
        [each.event.score for each in events], [event.score for event in expected], atol=1e-5
    )
    (corpus,) = hear(model, open_corpora([str(folder)]), StreamParams(**settings)).corpora
    assert corpus.hours == 40 / 3600
    # batches and hops that are computed together leave out no window, to the end of the track
    assert corpus.tracks[0].end_s.tolist() == [scores.end / RATE for scores in detector.scores]
    np.testing.assert_allclose(
        corpus.tracks[0].probabilities,
        [scores.probabilities for scores in detector.scores],
        atol=1e-5,
    )


def test_frames_that_have_to_be_waited_for_are_part_of_the_latency(incremental_model, folder):
    (folder / "long.csv").write_text("start,end,label\n" + "0,35,a\n0,35,b\n0,35,c\n")
    settings = {"method": "incremental", "smoothing": 1, "threshold": 0.3}
    measurement = measure(incremental_model, [str(folder)], DetectParams(**settings))
    found = [each for each in measurement.events if each.result == "found"]
    delay_s = stream_models.LOOK_AHEAD * stream_models.HOP / RATE
    latencies = [each.event.end + delay_s - 35.0 for each in found]
    assert 0 < len(latencies) == measurement.all.found
    assert measurement.all.latencies_s == pytest.approx(latencies)


def test_what_is_shorter_than_a_window_is_named_and_counts_as_sound(model, tmp_path, caplog):
    soundfile.write(tmp_path / "blip.wav", np.zeros(RATE // 2), RATE)
    with caplog.at_level(logging.WARNING):
        measurement = measure(model, [str(tmp_path)])
    assert "shorter than a window of 1 s, nothing is heard in it: blip.wav" in caplog.text
    assert measurement.events == [] and measurement.all.hours == pytest.approx(0.5 / 3600)


def test_unknown_labels_of_lists_are_named_once(model, folder, caplog):
    rows = ["start,end,label", "1,2,lamp", "3,4,lamp", "5,6,unknown", "7,8,silence"]
    (folder / "long.csv").write_text("\n".join(rows) + "\n")
    with caplog.at_level(logging.WARNING):
        measurement = measure(model, [str(folder)], DetectParams(threshold=1.0))
    assert caplog.text.count("the model has no label lamp, which lists name") == 1
    assert measurement.all.said == 0


def test_a_recording_that_cannot_be_read_stops_or_is_skipped(model, folder, caplog):
    (folder / "text.wav").write_text("no audio")
    with pytest.raises(UserError, match=r"text\.wav: (.|\n)*on_bad_audio=skip"):
        measure(model, [str(folder)])
    skipping = model.reading_as(Reading(on_bad_audio="skip"))
    with caplog.at_level(logging.WARNING):
        assert measure(skipping, [str(folder)]).all.hours == 40 / 3600
    assert "text.wav: skipped, " in caplog.text


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["missing"], "missing: no such recording or folder"),
        (["empty"], "empty: no audio files in this folder"),
        (["a", "b/a"], "b/a: a corpus named a is there already, a; name one of them"),
        (["x=missing"], "missing: no such recording"),
    ],
)
def test_what_is_no_corpus_is_named(tmp_path, monkeypatch, texts, problem):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b/a", "empty"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a", "b/a"):
        soundfile.write(tmp_path / name / "x.wav", np.zeros(RATE), RATE)
    with pytest.raises(UserError, match=problem):
        open_corpora(texts)


def test_a_corpus_has_the_name_of_its_folder_or_the_one_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "snr=5").mkdir()
    soundfile.write(tmp_path / "snr=5" / "x.wav", np.zeros(RATE), RATE)
    (tmp_path / "snr=5" / "x.csv").write_text("start,end,label\n0,1,yes\n")
    corpora = open_corpora(["snr=5", "noisy=snr=5", "snr=5/x.wav"])
    assert [corpus.name for corpus in corpora] == ["snr=5", "noisy", "x.wav"]
    assert {corpus.tracks[0].spoken[0].label for corpus in corpora} == {"yes"}
