"""A network for microcontrollers: 26 thousand parameters, 59 KB as int8, 29 KB of memory.

    open-seq2seq --config_file=speech_commands/micro --mode=train_eval
    open-seq2seq --mode=export --logdir=LOGDIR --export_dir=micro --export_format=tflite_micro

MatchboxNet's kind with two residual blocks of 48 channels, on 40 log-mel energies of 25 ms every
10 ms, trained in context as matchboxnet_stream is. Accuracy: see docs/results.md.
"""

from example_configs.speech_commands import matchboxnet_stream as stream
from open_seq2seq.config import nested_update

dataset_version = "v1-30"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset

base_model = stream.base_model

RESIDUAL = {"num_channels": 48, "separable": True, "residual": True}
LAYERS = [
    {"kernel_size": [11], "num_channels": 48, "separable": True},
    {"kernel_size": [13], **RESIDUAL},
    {"kernel_size": [15], **RESIDUAL},
    {"kernel_size": [29], "num_channels": 80, "separable": True, "dilation": [2]},
    {"kernel_size": [1], "num_channels": 80},
]
FIELD = 1 + 10 + 12 + 14 + 2 * 28  # frames that one output of the encoder depends on

base_params = nested_update(
    stream.base_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-micro",
        "encoder_params": {"convnet_layers": LAYERS},
        "data_layer_params": {
            "features": "log_mel",
            "num_audio_features": 40,
            "audio_length": stream.POOLED_FRAMES + FIELD - 1,
        },
    },
)

# so small a network learns less from covered images
train_params = nested_update(
    stream.train_params,
    {
        "data_layer_params": {
            "time_mask_width": 15,
            "freq_mask_width": 6,
            "cutouts": 2,
            "cutout_time": 15,
            "cutout_freq": 8,
        },
    },
)
eval_params = stream.eval_params
test_params = stream.test_params
infer_params = stream.infer_params
