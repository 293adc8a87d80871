"""Jasper-10x3 on Speech Commands: OpenSeq2Seq's recipe, 207.3 M parameters.

    open-seq2seq --config_file=speech_commands/jasper10x3 --mode=train_eval
    horovodrun -np 8 open-seq2seq --config_file=speech_commands/jasper10x3 --mode=train_eval

Hardware: 8 GPUs, batch 64 on each. Hours and accuracy: not run here; OpenSeq2Seq published 96.2
(v1-12), 97.3 (v1-30) and 95.1 (v2) with random splits, which share speakers between training and
test.
"""

from example_configs.speech_commands import common
from open_seq2seq.config import nested_update
from open_seq2seq.decoders import FullyConnectedSCDecoder
from open_seq2seq.encoders import TDNNEncoder

dataset_version = "v1-12"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset

base_model = common.base_model


def conv(kernel_size, num_channels, keep, **more):
    """One convolution."""
    return {
        "type": "conv2d",
        "repeat": 1,
        "kernel_size": [kernel_size, 1],
        "stride": [1, 1],
        "num_channels": num_channels,
        "padding": "SAME",
        "dilation": [1, 1],
        "dropout_keep_prob": keep,  # 1 - dropout rate
        **more,
    }


def blocks(kernel_size, num_channels, keep, n_blocks=2):
    """Residual blocks of three convolutions each."""
    return [conv(kernel_size, num_channels, keep, repeat=3, residual=True)] * n_blocks


base_params = nested_update(
    common.shared_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-jasper10x3",
        # network
        "encoder": TDNNEncoder,
        "encoder_params": {
            "convnet_layers": [
                conv(11, 256, 0.8, stride=[2, 1]),
                *blocks(11, 256, 0.8),
                conv(13, 384, 0.8, stride=[2, 1]),
                *blocks(13, 384, 0.8),
                conv(17, 512, 0.8, stride=[2, 1]),
                *blocks(17, 512, 0.8),
                *blocks(21, 640, 0.7),
                *blocks(25, 768, 0.7),
                conv(29, 896, 0.6, dilation=[2, 1]),
                conv(1, 1024, 0.6),
            ],
            "dropout_keep_prob": 0.7,
            "normalization": "batch_norm",
            "activation_fn": "relu",
        },
        "decoder": FullyConnectedSCDecoder,
        "initializer": "xavier_initializer",
        "initializer_params": {"uniform": False},
        "regularizer": "l2_regularizer",
        "regularizer_params": {"scale": 0.001},
        # optimizer and schedule
        "num_epochs": 200,
        "batch_size_per_gpu": 64,
        "dtype": "mixed",
        "loss_scaling": "Backoff",
        "optimizer": "Momentum",
        "optimizer_params": {"momentum": 0.95},
        "lr_policy": "poly_decay",
        "lr_policy_params": {"learning_rate": 0.05, "min_lr": 1e-5, "power": 2.0},
        "larc_params": {"larc_eta": 0.001},
        # front end: 128 log-mel bands in 128 frames
        "data_layer_params": {
            "num_audio_features": 128,
            "audio_length": 128,
            "model_format": "jasper",
        },
    },
)

train_params = common.train_params
eval_params = common.eval_params
test_params = common.test_params
infer_params = common.infer_params
