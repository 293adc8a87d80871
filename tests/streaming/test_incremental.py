"""A network heard frame by frame gives what it gives for the whole signal, without padding."""

import numpy as np
import pytest

from open_seq2seq.components import LayerOptions
from open_seq2seq.decoders import FullyConnectedDecoder, PooledDecoder
from open_seq2seq.encoders import ResNetEncoder
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras
from open_seq2seq.network import build_network
from open_seq2seq.pretrained import PretrainedModel
from open_seq2seq.streaming import StreamingDetector
from open_seq2seq.structs import MergedClasses
from tests.support.stream_models import (
    FIELD,
    HOP,
    LABELS,
    LOOK_AHEAD,
    N_FFT,
    RATE,
    features_of_librosa,
    hidden_of_the_whole,
    layer_of,
    make_bc_resnet,
    make_model,
)


@pytest.fixture(scope="module")
def track():
    random = np.random.default_rng(1)
    loudness = 0.001 + 0.2 * np.abs(np.sin(np.arange(6 * RATE) / 3000))
    return np.rint(32767 * loudness * random.uniform(-1, 1, 6 * RATE)).astype(np.int16)


@pytest.mark.parametrize(
    ("pooling", "params"),
    [
        ("mean", {}),
        ("max", {"activation_fn": "tanh"}),
        ("mean", {"normalization": None}),
        ("mean", {"merged": MergedClasses(1, 4)}),
    ],
)
def test_probabilities_are_those_of_the_whole_signal(track, pooling, params):
    model = make_model(decoder=PooledDecoder(pooling=pooling), **params)
    detector = StreamingDetector(model, method="incremental", hop_s=0.05, smoothing=1)
    detector.push(track)
    hidden = hidden_of_the_whole(model, features_of_librosa(track))
    kernel, bias = model.network.get_layer(model.decoder.output_layer).get_weights()
    # the frames of a clip of one second are pooled
    n_pooled = 1 + RATE // HOP
    assert len(detector.scores) > 80
    for scores in detector.scores:
        first, last = scores.start // HOP, (scores.end - N_FFT) // HOP
        assert last - first + 1 == n_pooled and scores.start % HOP == 0
        assert first >= FIELD - 1 - LOOK_AHEAD and last + LOOK_AHEAD < len(hidden)
        pooled = {"mean": np.mean, "max": np.max}[pooling](hidden[first : last + 1], axis=0)
        logits = pooled @ kernel + bias
        expected = np.exp(logits) / np.exp(logits).sum()
        expected[1] += expected[3:].sum()  # of the further classes, where there are some
        expected = expected[:3]
        np.testing.assert_allclose(scores.probabilities, expected, atol=1e-5)
    # as early as possible: the first window begins with the first output that hears no padding
    first = detector.scores[0].start // HOP
    assert first - (FIELD - 1 - LOOK_AHEAD) < 5


@pytest.mark.parametrize(("n_features", "merged"), [(40, MergedClasses(0, 2)), (80, None)])
def test_a_bc_resnet_is_heard_as_the_whole_signal(track, n_features, merged):
    model = make_bc_resnet(n_features, merged)
    detector = StreamingDetector(model, method="incremental", hop_s=0.05, smoothing=1)
    detector.push(track)
    features = features_of_librosa(track, n_features, is_mfcc=False)
    inputs, lengths = keras.Input(features.shape), keras.Input((), dtype="int32")
    pooled, _ = model.encoder.build(inputs, lengths, LayerOptions())
    network = keras.Model([inputs, lengths], pooled)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(model.network.get_layer(layer.name).get_weights())
    # what is averaged over time and features
    per_frame = keras.Model(network.inputs, network.layers[-1].input)
    hidden = per_frame([features[None], np.array([len(features)])], training=False).numpy()[0]
    hidden = hidden.mean(axis=1)
    kernel, bias = model.network.get_layer(model.decoder.output_layer).get_weights()
    look_ahead = 2 + 1 + 2 + 2 + 4 + 8 + 2
    assert len(detector.scores) > 80
    for scores in detector.scores:
        first, last = scores.start // HOP, (scores.end - N_FFT) // HOP
        assert first >= look_ahead and last + look_ahead < len(hidden)
        logits = hidden[first : last + 1].mean(axis=0) @ kernel + bias
        expected = np.exp(logits - logits.max())
        expected /= expected.sum()
        expected[0] += expected[3:].sum()
        np.testing.assert_allclose(scores.probabilities, expected[:3], atol=1e-5)


def heard(detector, chunks):
    events, rows = [], []
    for chunk in chunks:
        events += detector.push(chunk)
        rows += [(s.start, s.end, s.probabilities.tobytes()) for s in detector.scores]
    return events, rows


@pytest.mark.parametrize("make", [make_model, lambda: make_bc_resnet(40)], ids=["TDNN", "BC"])
def test_bits_do_not_depend_on_the_chunks_and_states_can_be_restored(track, make):
    model = make()
    params = {"method": "incremental", "threshold": 0.01, "smoothing": 2}
    expected = heard(StreamingDetector(model, **params), [track])
    assert len(expected[1]) > 30
    random = np.random.default_rng(0)
    for longest in (80, 2000, 50000):
        cuts = np.cumsum(random.integers(0, longest, 2 * len(track) // longest))
        detector = StreamingDetector(model, **params)
        assert heard(detector, np.split(track, cuts[cuts < len(track)])) == expected
        detector.reset()
        assert heard(detector, [track]) == expected
    first, second = (StreamingDetector(model, **params) for _ in range(2))
    for cut in (1, 30011, 70000):
        first.reset()
        before = heard(first, [track[:cut]])
        second.restore(first.state())
        after = heard(second, [track[cut:]])
        assert (before[0] + after[0], before[1] + after[1]) == expected


def test_products_are_counted():
    """Of each frame: taps x channels, and channels x filters, by hand."""
    convolutions = 5 * 16 + 16 * 12
    convolutions += 7 * 12 + 12 * 8 + 7 * 8 + 8 * 8 + 12 * 8
    convolutions += 4 * 8 * 8 + 8 * 8
    convolutions += 9 * 8 + 8 * 10 + 10 * 6
    detector = StreamingDetector(make_model(), method="incremental")
    assert detector.products_per_second == convolutions * RATE / HOP


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"layers": [{"kernel_size": 3, "num_channels": 4, "stride": 2}]}, "has stride 2"),
        ({"normalization": "layer_norm"}, "batch_norm is needed, and the encoder has layer_norm"),
    ],
)
def test_what_cannot_be_heard_so_is_named(change, problem):
    with pytest.raises(UserError, match=problem):
        StreamingDetector(make_model(**change), method="incremental")


def test_other_networks_are_heard_in_windows():
    encoder, decoder = ResNetEncoder(resnet_size=18, num_filters=4), FullyConnectedDecoder()
    layer = layer_of()
    network = build_network(encoder, decoder, layer, 3, LayerOptions())
    model = PretrainedModel(network, layer, LABELS, encoder=encoder, decoder=decoder)
    with pytest.raises(UserError, match=r"has ResNetEncoder and .*\. By method windows it can"):
        StreamingDetector(model, method="incremental")


def test_a_decoder_that_pools_the_middle_hears_in_a_clip_what_it_hears_in_the_stream(track):
    """Without padding in reach, a clip's image in evaluation and a stream agree."""
    n_pooled = 101
    n_frames = n_pooled + FIELD - 1
    model = make_model(decoder=PooledDecoder(pooled_frames=n_pooled), audio_length=n_frames)
    first = N_FFT // 2  # where a stream's frames begin that are in the middle of the offline ones
    detector = StreamingDetector(
        model, method="incremental", hop_s=HOP / RATE, smoothing=1, threshold=1.0
    )
    last = (n_frames - 1) * HOP + N_FFT
    detector.push(track[HOP * 2 - first :][: last + HOP])
    scores = {score.start: score.probabilities for score in detector.scores}
    # frames 2 to 2 + n_frames of the offline front end, whose image is cut at them
    sound = track[: (n_frames + 4) * HOP]
    (prediction,) = model.predict(sound, sample_rate=RATE)
    start = (FIELD - 1 - LOOK_AHEAD) * HOP
    np.testing.assert_allclose(scores[start], prediction.probabilities, atol=1e-5)


def test_where_there_are_fewer_frames_all_are_pooled(track):
    clip = track[:RATE]
    models = [make_model(decoder=PooledDecoder(pooled_frames=n)) for n in (None, 129)]
    models[1].network.set_weights(models[0].network.get_weights())
    (expected,), (given,) = (model.predict(clip, sample_rate=RATE) for model in models)
    np.testing.assert_array_equal(given.probabilities, expected.probabilities)
