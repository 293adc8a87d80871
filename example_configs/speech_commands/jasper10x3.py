"""Jasper-10x3 on Speech Commands: OpenSeq2Seq's recipe, 207.3 M parameters.

    python run.py --config_file=example_configs/speech_commands/jasper10x3.py --mode=train_eval
    horovodrun -np 8 python run.py --config_file=example_configs/speech_commands/jasper10x3.py
    --mode=train_eval

Hardware: 8 GPUs, batch 64 on each. Hours and accuracy: not run here; OpenSeq2Seq published 96.2
(v1-12), 97.3 (v1-30) and 95.1 (v2) with random splits, which share speakers between training and
test.
"""

from example_configs.speech_commands import resnet50
from open_seq2seq.decoders import FullyConnectedSCDecoder
from open_seq2seq.encoders import TDNNEncoder
from open_seq2seq.optimizers.lr_policies import poly_decay
from open_seq2seq.weights import l2_regularizer, xavier_initializer

dataset_version = "v1-12"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset
dataset_location = "data/speech_commands"

base_model = resnet50.base_model


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
        "dropout_keep_prob": keep,
        **more,
    }


def blocks(kernel_size, num_channels, keep, n_blocks=2):
    """Residual blocks of three convolutions each."""
    return [conv(kernel_size, num_channels, keep, repeat=3, residual=True)] * n_blocks


base_params = {
    "dataset_version": dataset_version,
    "dataset_location": dataset_location,
    "logdir": "result/{dataset_version}-jasper10x3",
    "random_seed": 0,
    "num_epochs": 200,
    "batch_size_per_gpu": 64,
    "dtype": "mixed",
    "loss_scaling": "Backoff",
    "optimizer": "Momentum",
    "optimizer_params": {"momentum": 0.95},
    "lr_policy": poly_decay,
    "lr_policy_params": {"learning_rate": 0.05, "min_lr": 1e-5, "power": 2.0},
    "larc_params": {"larc_eta": 0.001},
    "initializer": xavier_initializer,
    "initializer_params": {"uniform": False},
    "regularizer": l2_regularizer,
    "regularizer_params": {"scale": 0.001},
    "save_summaries_steps": 100,
    "print_loss_steps": 10,
    "restore_best_checkpoint": True,
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
    "loss": resnet50.base_params["loss"],
    "data_layer": resnet50.base_params["data_layer"],
    "data_layer_params": {**resnet50.base_params["data_layer_params"], "model_format": "jasper"},
}

train_params = resnet50.train_params
eval_params = resnet50.eval_params
test_params = resnet50.test_params
infer_params = resnet50.infer_params
