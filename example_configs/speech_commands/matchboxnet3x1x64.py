"""MatchboxNet-3x1x64 on Speech Commands: the published recipe, 77 thousand parameters.

    open-seq2seq --config_file=speech_commands/matchboxnet3x1x64 --mode=train_eval

Hardware: one GPU, or two CPU cores. Hours and accuracy: not run in full here, see docs/results.md;
published are 97.2 (v1-30) and 96.9 (v2) on the official split, after 200 epochs.
"""

from example_configs.speech_commands import common
from open_seq2seq.config import nested_update
from open_seq2seq.decoders import PooledDecoder
from open_seq2seq.encoders import TDNNEncoder

dataset_version = "v1-30"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset

base_model = common.base_model


def blocks(repeat):
    """C1, B1 to B3, C2 and C3 of the paper; B1 to B3 have ``repeat`` convolutions each."""
    residual = {"num_channels": 64, "separable": True, "repeat": repeat, "residual": True}
    return [
        {"kernel_size": [11], "num_channels": 128, "separable": True},
        {"kernel_size": [13], **residual},
        {"kernel_size": [15], **residual},
        {"kernel_size": [17], **residual},
        {"kernel_size": [29], "num_channels": 128, "separable": True, "dilation": [2]},
        {"kernel_size": [1], "num_channels": 128},
    ]


base_params = nested_update(
    common.shared_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-matchboxnet3x1x64",
        # network
        "encoder": TDNNEncoder,
        "encoder_params": {"convnet_layers": blocks(repeat=1)},
        "decoder": PooledDecoder,
        "initializer": "xavier_initializer",
        # optimizer and schedule
        "num_epochs": 200,
        "batch_size_per_gpu": 128,
        "dtype": "float32",  # half precision does not help so small a network
        "optimizer": "NovoGrad",
        "optimizer_params": {"beta1": 0.95, "beta2": 0.5, "weight_decay": 0.001},
        "lr_policy": "warmup_hold_decay",
        "lr_policy_params": {
            "learning_rate": 0.05,
            "min_lr": 0.001,
            "warmup_ratio": 0.05,
            "hold_ratio": 0.45,
            "power": 2.0,
        },
        # front end: 64 MFCC of windows of 25 ms every 10 ms; a second makes 101 frames, which
        # stand in the middle of 128
        "data_layer_params": {
            "features": "mfcc",
            "num_audio_features": 64,
            "n_fft": 512,
            "win_length": 400,
            "hop_length": 160,
            "audio_length": 128,
            "frame_padding": "reflect",
        },
    },
)

# augmentation: time shift, white noise, SpecAugment and SpecCutout
train_params = nested_update(
    common.train_params,
    {
        "data_layer_params": {
            "time_shift_ms": 5.0,
            "pitch_shift": 0.0,
            "time_stretch": 0.0,
            "noise_level_min": -90.0,
            "noise_level_max": -46.0,
            "time_masks": 2,
            "time_mask_width": 25,
            "freq_masks": 2,
            "freq_mask_width": 15,
            "cutouts": 5,
            "cutout_time": 25,
            "cutout_freq": 15,
        },
    },
)
eval_params = common.eval_params
test_params = common.test_params
infer_params = common.infer_params
