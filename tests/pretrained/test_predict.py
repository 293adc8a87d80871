"""Predictions of a model that stays loaded: what a caller may give, and what is made only once."""

import threading

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq.data import spectral_engine
from open_seq2seq.errors import UserError


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


def probabilities(predictions):
    return np.array([prediction.probabilities for prediction in predictions])


def test_predict_reads_any_audio_file_and_refuses_others(trained, tone, tmp_path):
    logdir, _ = trained
    model = open_seq2seq.from_pretrained(logdir)
    stereo = np.stack([tone(440.0, sample_rate=44100)] * 2, axis=1)
    soundfile.write(tmp_path / "a.flac", stereo, 44100)
    (prediction,) = model.predict([tmp_path / "a.flac"])
    assert prediction.label in model.labels
    (tmp_path / "b.wav").write_bytes(b"no audio")
    with pytest.raises(UserError, match=r"b\.wav"):
        model.predict([tmp_path / "b.wav"])


def test_one_network_and_two_front_ends_serve_clips_of_any_number_and_length(
    model, tone, write_wav, monkeypatch
):
    """One front end takes single clips, and one takes batches."""
    traced = []
    trace = spectral_engine.SpectralEngine._features
    monkeypatch.setattr(
        spectral_engine.SpectralEngine,
        "_features",
        lambda self, clips: traced.append("front end") or trace(self, clips),
    )
    call = type(model.network).call
    monkeypatch.setattr(
        type(model.network),
        "call",
        lambda self, *args, **kwargs: traced.append("network") or call(self, *args, **kwargs),
    )
    spectral_engine.shared_engine.cache_clear()
    fresh = open_seq2seq.pretrained.PretrainedModel(model.network, model.data_layer, model.labels)
    paths = [write_wav(f"{i}.wav", tone(500.0 + 100 * i, seconds=0.1 * 1.4**i)) for i in range(12)]
    n_threads = []
    for _ in range(2):
        for n in (1, 2, 3, 5, 12):
            for first in range(0, 12 - n + 1, 3):
                assert len(fresh.predict(paths[first : first + n])) == n
        n_threads.append(threading.active_count())
    assert sorted(traced) == ["front end", "front end", "network"]
    assert n_threads[1] <= n_threads[0]


def test_a_clip_has_the_same_probabilities_alone_and_among_others(model, trained):
    paths = list(trained[1]["path"][:33])
    together = model.predict(paths)
    assert [prediction.path for prediction in together] == paths
    alone = [model.predict(path)[0] for path in paths]
    np.testing.assert_allclose(probabilities(alone), probabilities(together), atol=1e-5)


@pytest.mark.parametrize(
    "give",
    [
        str,
        lambda path: path,
        lambda path: bytes(path),
        lambda path: [path],
        lambda path: (str(each) for each in (path,)),
        lambda path: np.array([str(path)], dtype=object).tolist(),
        lambda path: soundfile.read(path),
        lambda path: soundfile.read(path, dtype="int16"),
        lambda path: [soundfile.read(path, dtype="float32")],
        lambda path: soundfile.read(path, always_2d=True),
    ],
)
def test_a_clip_may_be_given_in_many_ways(model, tone, write_wav, give):
    path = write_wav("clip.wav", tone(700.0, sample_rate=8000), 8000)
    (expected,) = model.predict([path])
    (prediction,) = model.predict(give(path))
    # a float of a 16-bit file is that sample over 32768, exactly
    np.testing.assert_allclose(prediction.probabilities, expected.probabilities, atol=1e-6)
    assert prediction.path in (str(path), "array 0")


def test_a_model_that_stays_loaded_warns_of_thirty_long_clips_and_no_more(trained, tone, caplog):
    model = open_seq2seq.from_pretrained(trained[0])
    long = (tone(500.0, seconds=3.0), 16000)
    for n in (1, 20, 20, 20):
        model.predict([long] * n)
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    named = [line for line in warnings if "the label is that of its middle" in line]
    assert len(named) == 30 and len(warnings) == 31
    assert warnings[-1] == "and 11 more such lines about other clips; no more are named"


def test_a_model_may_be_named_in_bytes_too_and_batches_have_clips(trained, model):
    same = open_seq2seq.from_pretrained(bytes(trained[0]))
    assert same.labels == model.labels
    with pytest.raises(UserError, match="batch_size: expected 1 or more, got 0"):
        model.predict("clip.wav", batch_size=0)


def test_arrays_without_a_rate_take_the_one_that_is_given(model, tone):
    clips = [tone(500.0), tone(900.0)]
    expected = model.predict([(clip, 16000) for clip in clips])
    given = model.predict(clips, sample_rate=16000)
    np.testing.assert_array_equal(probabilities(given), probabilities(expected))
    assert [prediction.path for prediction in given] == ["array 0", "array 1"]
    with pytest.raises(UserError, match="array 0 has no sample rate; give sample_rate="):
        model.predict(clips)


@pytest.mark.parametrize(
    ("clip", "problem"),
    [
        (5, "5 is no clip; expected the path"),
        ([0.1, 0.2], r"0\.1 is no clip"),
        (None, "None is no clip"),
        ((np.zeros((1, 16000)), 16000), r"its shape is \(1, 16000\), expected \(samples,\)"),
        ((np.zeros((2, 2, 2)), 16000), r"its shape is \(2, 2, 2\)"),
        ((np.zeros(9, complex), 16000), "its dtype is complex128, expected one of float32"),
        ((np.zeros(9), 0), "its sample rate is 0 Hz"),
        ((np.zeros(0), 16000), "array 0: it holds no samples"),
        ((np.full(9, np.nan), 16000), "array 0: it holds samples that are NaN"),
    ],
)
def test_what_is_no_clip_is_named(model, clip, problem):
    with pytest.raises(UserError, match=problem):
        model.predict(clip)
