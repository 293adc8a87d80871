"""MatchboxNet-3x1x64 for streams: trained on clips in context, and pooled where a stream is.

    open-seq2seq --config_file=speech_commands/matchboxnet_stream --mode=train_eval

The network is that of matchboxnet3x1x64. A stream has neighbours and no padding, so training has
none either: a clip stands near the middle of 2.1 s, between noise and other clips, and the decoder
pools the 101 frames of a second, each of which has seen 54 frames on both sides. That is what
``--mode=stream --method=incremental`` and ``--export_format=tflite_micro`` hear.
Accuracy, in a stream and between padding: see docs/results.md.
"""

from example_configs.speech_commands import matchboxnet3x1x64 as offline
from open_seq2seq.config import nested_update

dataset_version = "v1-30"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset

base_model = offline.base_model

POOLED_FRAMES = 101  # of a clip of one second
FIELD = 109  # frames that one output of the encoder depends on

base_params = nested_update(
    offline.base_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-matchboxnet_stream",
        "encoder_params": {"convnet_layers": offline.blocks(repeat=1)},
        "decoder_params": {"pooled_frames": POOLED_FRAMES},
        "data_layer_params": {
            "audio_length": POOLED_FRAMES + FIELD - 1,
            # in evaluation: every clip in the middle of quiet noise
            "context_prob": 1.0,
        },
    },
)

train_params = nested_update(
    offline.train_params,
    {
        "data_layer_params": {
            "context_prob": 0.8,  # the others between padding, as a single clip is heard
            "context_shift_ms": 100.0,
            "context_clips_prob": 0.5,
        },
    },
)
eval_params = offline.eval_params
test_params = offline.test_params
infer_params = offline.infer_params
