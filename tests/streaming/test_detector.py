"""A stream gives the same events with the same bits, however it is cut into chunks."""

import functools
import io
import itertools
import json
import signal
import sys

import numpy as np
import pytest
import soundfile
import soxr

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.errors import UserError
from open_seq2seq.streaming import StreamingDetector

RATE = 16000
PARAMS = {"hop_s": 0.25, "smoothing": 2, "threshold": 0.2, "min_gap_s": 0.5}
FLAGS = [f"--{name}={value}" for name, value in PARAMS.items()]


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


@pytest.fixture(scope="module")
def track():
    """Twelve seconds of tones with pauses, int16."""
    random = np.random.default_rng(1)
    times = np.arange(RATE) / RATE
    sounds = [0.5 * np.sin(2 * np.pi * hz * times) for hz in (300, 500, 900, 1500, 2500, 400)]
    parts = [part for sound in sounds for part in (sound, np.zeros(RATE))]
    noisy = np.concatenate(parts) + 0.003 * random.standard_normal(12 * RATE)
    return np.rint(32767 * noisy).astype(np.int16)


def heard(detector, chunks, **kwargs):
    events, rows = [], []
    for chunk in chunks:
        events += detector.push(chunk, **kwargs)
        rows += [(s.start, s.end, s.probabilities.tobytes()) for s in detector.scores]
    return events, rows


def test_windows_have_the_probabilities_that_predict_gives_them(model, track):
    detector = StreamingDetector(model, hop_s=0.5)
    detector.push(track)
    predictions = model.predict((track, RATE), window_s=1.0, hop_s=0.5)
    assert [(s.start, s.end) for s in detector.scores] == [
        (round(p.start * RATE), round(p.end * RATE)) for p in predictions
    ]
    np.testing.assert_allclose(
        [s.probabilities for s in detector.scores],
        [p.probabilities for p in predictions],
        atol=1e-5,
    )


def test_events_and_bits_do_not_depend_on_the_chunks(model, track):
    detector = StreamingDetector(model, **PARAMS)
    expected = heard(detector, [track])
    assert len(expected[0]) > 2
    random = np.random.default_rng(0)
    for longest in (100, 3000, 40000):
        cuts = np.cumsum(random.integers(0, longest, 200000 // longest))
        detector.reset()
        assert heard(detector, np.split(track, cuts[cuts < len(track)])) == expected


def test_a_stream_of_another_rate_or_of_floats_is_converted(model, track):
    detector = StreamingDetector(model, **PARAMS)
    expected, _ = heard(detector, [track])
    detector.reset()
    as_floats = track.astype(np.float64) / 32768
    assert heard(detector, np.array_split(as_floats, 7))[0] == expected
    detector.reset()
    slow = soxr.resample(as_floats, RATE, 8000)
    whole = heard(detector, [slow], sample_rate=8000)
    detector.reset()
    assert heard(detector, np.array_split(slow, 50), sample_rate=8000) == whole
    detector.reset()
    detector.push(soxr.resample(slow, 8000, RATE))
    given = [np.frombuffer(row[2], np.float32) for row in whole[1]]
    resampled = [scores.probabilities for scores in detector.scores]
    # the stream still waits for what the filter needs of the next samples
    assert len(given) in (len(resampled), len(resampled) - 1)
    np.testing.assert_allclose(given, resampled[: len(given)], atol=1e-2)


def test_a_state_can_be_saved_and_restored_at_any_sample(model, track):
    expected = heard(StreamingDetector(model, **PARAMS), [track])
    first, second = (StreamingDetector(model, **PARAMS) for _ in range(2))
    for cut in (1, 15999, 60001):
        first.reset()
        before = heard(first, [track[:cut]])
        second.restore(first.state())
        after = heard(second, [track[cut:]])
        assert (before[0] + after[0], before[1] + after[1]) == expected


def test_a_day_of_samples_is_counted(model, track):
    """24 hours are 1.4 billion samples at 16 kHz, and a month would not fit into 32 bits."""
    n_days = 31
    start = n_days * 24 * 3600 * RATE
    detector = StreamingDetector(model, **PARAMS)
    expected, _ = heard(detector, [track])
    detector.reset()
    state = detector.state()
    state["rate"], state["n_samples"], state["scorer"]["start"] = RATE, start, start
    detector.restore(state)
    late, _ = heard(detector, [track])
    assert [(event.label, event.score) for event in late] == [
        (event.label, event.score) for event in expected
    ]
    assert [event.end - n_days * 24 * 3600 for event in late] == [event.end for event in expected]


def test_bad_samples_are_refused_and_change_nothing(model, track):
    expected = heard(StreamingDetector(model, **PARAMS), [track])
    detector = StreamingDetector(model, **PARAMS)
    before = heard(detector, [track[:40000]])
    bad = np.zeros(100, np.float32)
    bad[7] = np.nan
    for chunk, kwargs, problem in (
        (bad, {}, r"NaN or infinite, 2\.500 s after its beginning"),
        (track[:9], {"sample_rate": 8000}, "rate has changed from 16000 to 8000 Hz; call reset"),
        (track[:9].astype(np.int64), {}, "expected int16 or floats, got int64"),
        (track[:8].reshape(4, 2), {}, r"expected an array \[samples\]"),
        ([1, 2], {}, r"expected an array \[samples\], got \[1, 2\]"),
    ):
        with pytest.raises(UserError, match=problem):
            detector.push(chunk, **kwargs)
    after = heard(detector, [track[40000:]])
    assert (before[0] + after[0], before[1] + after[1]) == expected


def test_long_silence_is_no_event(model):
    detector = StreamingDetector(model, hop_s=1.0, threshold=0.9)
    assert detector.push(np.zeros(60 * RATE, np.int16)) == []
    assert len(detector.scores) == 60
    first, *others = (scores.probabilities for scores in detector.scores)
    assert all((each == first).all() for each in others)


def stream(trained, *args):
    return cli.main(["--mode=stream", f"--logdir={trained[0]}", *FLAGS, *map(str, args)])


def test_the_command_prints_and_saves_the_events_of_files(trained, model, track, tmp_path, capsys):
    expected, _ = heard(StreamingDetector(model, **PARAMS), [track])
    soundfile.write(tmp_path / "a.wav", track, RATE)
    soundfile.write(tmp_path / "b.flac", track, RATE)
    saved = tmp_path / "events.jsonl"
    assert stream(trained, f"--save_events={saved}", tmp_path) == 0
    records = [json.loads(line) for line in saved.read_text().splitlines()]
    names = [str(tmp_path / name) for name in ("a.wav", "b.flac")]
    assert records == [
        {"path": name, **event._asdict()} for name, event in itertools.product(names, expected)
    ]
    out = capsys.readouterr().out
    assert f"{expected[0].start:.2f} to {expected[0].end:.2f} s: {expected[0].label} (" in out
    assert f"{2 * len(expected)} events" in out


@pytest.mark.parametrize("bad", ["header", "samples"])
def test_bad_files_stop_the_stream_before_it_begins_or_are_skipped(
    trained, track, tmp_path, capsys, bad
):
    sound = track / np.float32(32768)
    soundfile.write(tmp_path / "b.wav", sound, RATE, subtype="FLOAT")
    if bad == "header":
        (tmp_path / "a.wav").write_text("no audio")
    else:
        soundfile.write(tmp_path / "a.wav", np.append(sound, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"a\.wav: (.|\n)*on_bad_audio=skip"):
        stream(trained, tmp_path)
    assert not capsys.readouterr().out
    assert stream(trained, "--data_layer_params/on_bad_audio=skip", tmp_path) == 0
    out = capsys.readouterr().out
    assert f"a.wav: {'skipped' if bad == 'header' else 'not heard to its end'}, " in out
    assert "events\n" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_of_files_and_keeps_the_events(
    trained, model, track, tmp_path, monkeypatch, request, number
):
    # processes of a parallel test run ignore Ctrl-C
    request.addfinalizer(
        functools.partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    expected, _ = heard(StreamingDetector(model, **PARAMS), [track])
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, track, RATE)
    push, pushed = StreamingDetector.push, []

    def push_once(self, samples):
        if pushed:
            signal.raise_signal(number)
        pushed.append(samples)
        return push(self, samples)

    monkeypatch.setattr(StreamingDetector, "push", push_once)
    saved = tmp_path / "events.jsonl"
    with pytest.raises(KeyboardInterrupt):
        stream(trained, f"--save_events={saved}", tmp_path / "a.wav", tmp_path / "b.wav")
    assert len(saved.read_text().splitlines()) == len(expected)


def test_samples_on_standard_input_are_heard_until_they_end(
    trained, model, track, tmp_path, monkeypatch, capsys
):
    expected, _ = heard(StreamingDetector(model, **PARAMS), [track])
    saved = tmp_path / "events.jsonl"
    for data in (track.tobytes(), track.tobytes() + b"x"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        if len(data) % 2:
            with pytest.raises(UserError, match="has ended in the middle of a sample"):
                stream(trained, f"--save_events={saved}", "-")
        else:
            assert stream(trained, f"--save_events={saved}", "-") == 0
        labels = [json.loads(line)["label"] for line in saved.read_text().splitlines()]
        assert labels == [event.label for event in expected]
        saved.unlink()


def test_standard_input_must_hold_something(trained, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(UserError, match="-: standard input holds no samples"):
        stream(trained, "-")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ([], "nothing to listen to"),
        (["missing.wav"], "missing.wav: no such audio file"),
        (["text.wav"], "text.wav: "),
        (["--window_s=3", "x.wav"], "window_s: 3 is longer than what the model hears"),
        (["--smoothing=0", "x.wav"], "--smoothing: expected a value greater than 0"),
        (["--thresholds={'yess': 0.5}", "x.wav"], "the model has no label 'yess'"),
        (["--top_k=2", "x.wav"], "--top_k is for --mode=infer only"),
        (["--save_events=no/e.jsonl", "x.wav"], "--save_events: cannot write no/e.jsonl"),
    ],
)
def test_what_cannot_be_heard_is_named(trained, tmp_path, monkeypatch, args, problem):
    monkeypatch.chdir(tmp_path)
    soundfile.write("x.wav", np.zeros(RATE), RATE)
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(UserError, match=problem):
        stream(trained, *args)


def test_a_microphone_needs_its_library(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"needs sounddevice, not installed here; pip install"):
        stream(trained, "microphone")
