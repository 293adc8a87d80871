"""What is heard of a recording, and the pictures that are made of it."""

import base64
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

import open_seq2seq
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError
from open_seq2seq.page.pictures import page_of
from open_seq2seq.page.recording import LONGEST_S, hear, log_mel_of
from open_seq2seq.reports.images import heat_image, opacity_image
from open_seq2seq.streaming import StreamingDetector

RATE = 16000
PARAMS = StreamParams(hop_s=0.25, smoothing=2, threshold=0.2, min_gap_s=0.5)


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


def pixels(address):
    kind, content = address.split(",", 1)
    assert kind == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    return np.asarray(image.convert("RGB") if image.mode == "P" else image, float)


def as_int16(samples):
    return np.rint(32767 * samples).astype(np.int16)


@pytest.mark.parametrize("features", [{}, {"features": "mfcc", "num_audio_features": 20}])
def test_a_tone_is_in_its_mel_band_in_each_frame(tone, features):
    bands = {"num_mels": 40} if features else {"num_audio_features": 40}
    front_end = SpeechCommandsDataLayer(**(features | bands))
    log_mel = log_mel_of(front_end, as_int16(tone(1000.0, 1.5)))
    assert log_mel.shape == (1 + 24000 // 125, 40)
    mel = 2595 * np.log10(1 + np.array([1000.0, 8000.0]) / 700)
    # band k of 40 is centred at k + 1 of 41 equal steps from 0 to 8 kHz
    assert (log_mel[10:-10].argmax(axis=1) == round(41 * mel[0] / mel[1]) - 1).all()


def test_a_short_recording_has_the_label_of_predict(model, tone, write_wav):
    path = write_wav("clip.wav", tone(900.0, 0.8))
    (expected,) = model.predict(str(path), top_k=3)
    heard = hear(model, PARAMS, path)
    assert heard.whole.best == expected.best and heard.scores == heard.events == []
    np.testing.assert_array_equal(heard.whole.probabilities, expected.probabilities)
    page = page_of(heard, model.data_layer, model.labels, PARAMS)
    assert f"<strong>{expected.label}</strong> {expected.probability:.1%}" in page
    assert "An event needs 2 windows (1.2 s), this is shorter" in page


def test_a_long_recording_has_the_events_of_a_stream(model, tone, write_wav):
    samples = np.concatenate([tone(hz, 1.0) for hz in (300, 900, 2500, 500)])
    path = write_wav("track.wav", np.stack([samples, samples], axis=1), 16000)
    detector = StreamingDetector(model, **dict(PARAMS))
    expected = detector.push(as_int16(samples))
    heard = hear(model, PARAMS, path)
    assert heard.whole is None and not heard.is_cut
    assert [event.label for event in heard.events] == [event.label for event in expected]
    assert len(expected) > 1 and len(heard.scores) == 1 + (4 - 1) * 4
    page = page_of(heard, model.data_layer, model.labels, PARAMS)
    for event in heard.events:
        assert f"{event.start:.2f} to {event.end:.2f} s: {event.label} (" in page
    assert "Note: converted from 16000 Hz, 2 channels, PCM_16." in page


def test_images_show_the_numbers():
    ramp = np.arange(12.0).reshape(4, 3)  # [time, band]
    shown = pixels(heat_image(ramp))
    assert shown.shape == (3, 4, 3)
    lightness = shown.sum(axis=-1)
    # time to the right, bands upwards, and more is lighter
    assert (np.diff(lightness, axis=1) > 0).all() and (np.diff(lightness, axis=0) < 0).all()
    assert pixels(heat_image(np.zeros((5000, 3)))).shape == (3, 1250, 3)
    probabilities = np.array([[0.0, 1.0], [0.25, 0.75], [0.5, np.nan]])  # [window, label]
    opacity = pixels(opacity_image(probabilities))[..., 3]
    np.testing.assert_allclose(opacity / 255, [[0, 0.25, 0.5], [1, 0.75, 0]], atol=0.5 / 255)


def test_of_a_long_file_the_first_minute_is_heard(model, tmp_path):
    path = tmp_path / "hours.flac"  # far more sound than bytes
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(10):
            file.write(np.zeros(60 * RATE, np.int16))
    params = StreamParams(hop_s=1.0)
    heard = hear(model, params, path)
    assert heard.seconds == LONGEST_S and heard.is_cut
    page = page_of(heard, model.data_layer, model.labels, params)
    assert "the first 60 s of it; --mode=stream hears all of a file" in page
    assert "digital silence" in page


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("text.wav", b"no audio", "text.wav: Format not recognised. Expected a recording"),
        ("empty.flac", b"", "empty.flac: .* Expected a recording"),
        ("gone.wav", None, "gone.wav: .* Expected a recording"),
    ],
)
def test_what_is_no_recording_is_named(model, tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=problem):
        hear(model, PARAMS, tmp_path / name)


def test_labels_are_text_and_no_markup(model, tone, write_wav):
    heard = hear(model, PARAMS, write_wav("clip.wav", tone(900.0)))
    labels = ["<b>&'\"", *model.labels[1:]]
    page = page_of(heard, model.data_layer, labels, PARAMS)
    assert "<b>" not in page and "&lt;b&gt;&amp;&#x27;&quot;" in page
