"""ResNet-50 on Speech Commands: OpenSeq2Seq's recipe, 23.5 M parameters.

    open-seq2seq --config_file=speech_commands/resnet50 --mode=train_eval
    horovodrun -np 8 open-seq2seq --config_file=speech_commands/resnet50 --mode=train_eval

Hardware: 8 GPUs, batch 32 on each. Hours and accuracy: not run here; OpenSeq2Seq published 96.6
(v1-12), 97.3 (v1-30) and 95.9 (v2) with random splits, which share speakers between training and
test.
"""

from example_configs.speech_commands import common
from open_seq2seq.config import nested_update
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import ResNetEncoder

dataset_version = "v1-12"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset

base_model = common.base_model

base_params = nested_update(
    common.shared_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-resnet50",
        # network
        "encoder": ResNetEncoder,
        "encoder_params": {"resnet_size": 50, "regularize_bn": False},
        "decoder": FullyConnectedDecoder,
        "initializer": "variance_scaling_initializer",
        "regularizer": "l2_regularizer",
        "regularizer_params": {"scale": 0.0001},
        # optimizer and schedule
        "num_epochs": 100,
        "batch_size_per_gpu": 32,
        "dtype": "mixed",
        "loss_scaling": 512.0,
        "optimizer": "Momentum",
        "optimizer_params": {"momentum": 0.95},
        "lr_policy": "poly_decay",
        "lr_policy_params": {
            "learning_rate": 0.2,
            "power": 2.0,
        },  # for 8 GPUs; for fewer see docs/distributed.md
        # front end: 128 log-mel bands in 128 frames
        "data_layer_params": {"num_audio_features": 128, "audio_length": 128},
    },
)

train_params = common.train_params
eval_params = common.eval_params
test_params = common.test_params
infer_params = common.infer_params
