"""The rules of an exported page, run by node, are those of Python."""

import numpy as np
import pytest

from open_seq2seq.data.audio import as_int16
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.exporting.clips import fit
from open_seq2seq.streaming import EventDetector
from tests.support import javascript
from tests.support.tones import make_tone

LABELS = ["yes", "no", "stop", "unknown"]
THRESHOLDS = [0.375, 0.25, 0.625, None]  # numbers that a float32 can be


def in_chunks(values, random):
    cuts = np.sort(random.integers(0, len(values), 30))
    return [chunk.tolist() for chunk in np.split(values, cuts)]


@pytest.mark.parametrize(
    ("smoothing", "min_gap_s"), [(1, 0.0), (1, 0.35), (3, 0.0), (3, 0.5), (8, 1.0)]
)
def test_events_are_those_of_the_detector_to_the_last_bit(smoothing, min_gap_s):
    random = np.random.default_rng(smoothing)
    rows = random.dirichlet(np.full(4, 0.3 / smoothing), 2000).astype(np.float32)
    rows[:10] = THRESHOLDS[0]  # a mean that is exactly the threshold
    times = [(index * 1600 / 16000, (index * 1600 + 16000) / 16000) for index in range(2000)]
    detector = EventDetector(LABELS, THRESHOLDS, smoothing=smoothing, min_gap_s=min_gap_s)
    expected = [
        event._asdict()
        for (start, end), row in zip(times, rows, strict=True)
        for event in detector.push(start, end, row)
    ]
    found = javascript.run(
        "EventDetector from events.js",
        "const options = { smoothing: data.smoothing, minGapS: data.gap };"
        "const detector = new EventDetector(data.labels, data.thresholds, options);"
        "return data.rows.flatMap((row, i) => detector.push(...data.times[i], row));",
        {
            "labels": LABELS,
            "thresholds": THRESHOLDS,
            "smoothing": smoothing,
            "gap": min_gap_s,
            "rows": rows.tolist(),
            "times": times,
        },
    )
    assert found == expected
    assert {event["label"] for event in expected} == set(LABELS[:3]) and len(expected) > 60


def test_windows_do_not_depend_on_the_chunks():
    random = np.random.default_rng(0)
    samples = random.integers(-9, 9, 1000)
    windows = javascript.run(
        "Windows from windows.js",
        "const windows = new Windows(100, 30);"
        "return data.flatMap((chunk) => windows.push(Float32Array.from(chunk)));",
        in_chunks(samples, random),
    )
    starts = list(range(0, 1000 - 100 + 1, 30))
    assert [window["start"] for window in windows] == starts
    for start, window in zip(starts, windows, strict=True):
        assert window["samples"] == samples[start : start + 100].tolist()


def test_samples_are_rounded_to_16_bits():
    halves = (np.arange(-9, 9) + 0.5) / 32768
    random = np.random.default_rng(0).uniform(-1.2, 1.2, 1000)
    samples = np.concatenate([halves, random, [-1, 1, 0, 1e9, -1e9]]).astype(np.float32)
    rounded = javascript.run(
        "to16Bits from windows.js", "return to16Bits(Float32Array.from(data));", samples.tolist()
    )
    assert (np.array(rounded) * 32768).tolist() == as_int16(samples).tolist()


@pytest.mark.parametrize("pad_side", ["both", "end"])
@pytest.mark.parametrize("audio_length", [64, 101, 128])
def test_a_short_clip_lies_where_the_model_expects_it(pad_side, audio_length):
    front_end = FrontEnd(pad_side=pad_side, audio_length=audio_length, hop_length=160)
    lengths = [1, 80, 159, 160, 161, 8000, 10007, 15841, 15999, 16000]
    clips = [np.arange(1, n + 1, dtype=np.int16) for n in lengths]
    fitted = javascript.run(
        "fit from windows.js",
        "return data.clips.map((clip) => fit(Float32Array.from(clip), 16000, data.frontEnd));",
        {
            "clips": [clip.tolist() for clip in clips],
            "frontEnd": {"pad_side": pad_side, "audio_length": audio_length, "hop_length": 160},
        },
    )
    for clip, found in zip(clips, fitted, strict=True):
        np.testing.assert_array_equal(found, fit(clip, 16000, front_end))


def resampled(samples, rate, chunks=None):
    found = javascript.run(
        "Resampler from resampler.js",
        "const resampler = new Resampler(data.rate, 16000);"
        "return data.chunks.flatMap((chunk) => [...resampler.push(Float32Array.from(chunk))]);",
        {"rate": rate, "chunks": chunks or [samples.tolist()]},
    )
    return np.array(found)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_a_tone_of_another_rate_is_the_same_tone(rate):
    found = resampled(make_tone(1000.0, 0.5, 0.5, rate), rate)
    expected = make_tone(1000.0, 0.5, 0.5, 16000)[: len(found)]
    assert len(found) > 7700  # the last ones wait for samples to come
    middle = slice(200, -200)  # at the beginning the tone sets in
    np.testing.assert_allclose(found[middle], expected[middle], atol=1e-4)


def test_what_16000_hz_cannot_hold_is_left_out_and_chunks_do_not_matter():
    high = make_tone(9000.0, 0.5, 0.5, 48000)
    found = resampled(high, 48000)
    assert np.abs(found[200:-200]).max() < 1e-3 * 0.5
    chunks = in_chunks(high, np.random.default_rng(0))
    np.testing.assert_array_equal(resampled(high, 48000, chunks), found)


LISTEN = """
let done = 0;
const asked = [];
const model = {
  description: { labels: ["a", "b"], clip_samples: 100, sample_rate: 100 },
  get nWaiting() { return asked.length - done; },
  probabilities: (samples) => new Promise((resolve) => {
    asked.push(() => { done += 1; resolve({ probabilities: [samples[0] / 1e4, 0], ms: 1 }); });
  }),
};
const settings = { thresholds: [1e-10, null], smoothing: 1, min_gap_s: 0, hop_s: 0.1 };
const heard = [];
const listener = new Listener(model, settings, (window) => heard.push(window), data.isLive);
const pushed = [];
for (let chunk = 0; chunk < 6; chunk++) {
  const samples = Float32Array.from({ length: 50 }, (_, i) => (50 * chunk + i + 0.3) / 32768);
  pushed.push(listener.push(samples)); // nobody waits for the one before
}
asked.reverse().forEach((answer) => answer());
await Promise.all(pushed);
const starts = heard.map(({ start }) => start);
return { starts, nSkipped: listener.nSkipped, events: heard.map(({ events }) => events.length) };
"""


def test_windows_are_heard_in_order_and_left_out_where_the_model_is_too_slow():
    """300 samples with windows of 100 and hops of 10: 21 windows, of which none is answered."""
    found = javascript.run("Listener from listener.js", LISTEN, {"isLive": False})
    assert found["starts"] == pytest.approx(np.arange(21) / 10) and found["nSkipped"] == 0
    # in 16 bits the first window begins with a zero; the label rises once and stays
    assert found["events"] == [0, 1] + [0] * 19
    found = javascript.run("Listener from listener.js", LISTEN, {"isLive": True})
    assert found["starts"] == pytest.approx(np.arange(5) / 10) and found["nSkipped"] == 16
