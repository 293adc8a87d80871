"""ResNet-50 on Speech Commands: OpenSeq2Seq's recipe, 23.5 M parameters.

    python run.py --config_file=example_configs/speech_commands/resnet50.py --mode=train_eval
    horovodrun -np 8 python run.py --config_file=example_configs/speech_commands/resnet50.py
    --mode=train_eval

Hardware: 8 GPUs, batch 32 on each. Hours and accuracy: not run here; OpenSeq2Seq published 96.6
(v1-12), 97.3 (v1-30) and 95.9 (v2) with random splits, which share speakers between training and
test.
"""

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import ResNetEncoder
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.models import Image2Label
from open_seq2seq.optimizers.lr_policies import poly_decay
from open_seq2seq.weights import l2_regularizer, variance_scaling_initializer

dataset_version = "v1-12"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset
dataset_location = (
    "data/speech_commands"  # where scripts/speech_commands_preprocessing.py wrote the manifests
)

base_model = Image2Label

# {dataset_version} and {dataset_location} stand for the two lines above, or for what the command
# line says instead.
base_params = {
    "dataset_version": dataset_version,
    "dataset_location": dataset_location,
    "logdir": "result/{dataset_version}-resnet50",
    "random_seed": 0,
    "num_epochs": 100,
    "batch_size_per_gpu": 32,
    "dtype": "mixed",
    "loss_scaling": 512.0,
    "optimizer": "Momentum",
    "optimizer_params": {"momentum": 0.95},
    "lr_policy": poly_decay,
    "lr_policy_params": {"learning_rate": 0.2, "power": 2.0},  # for 8 GPUs; see README for fewer
    "initializer": variance_scaling_initializer,
    "regularizer": l2_regularizer,
    "regularizer_params": {"scale": 0.0001},
    "save_summaries_steps": 100,
    "print_loss_steps": 10,
    "restore_best_checkpoint": True,
    "encoder": ResNetEncoder,
    "encoder_params": {"resnet_size": 50, "regularize_bn": False},
    "decoder": FullyConnectedDecoder,
    "loss": CrossEntropyLoss,
    "data_layer": SpeechCommandsDataLayer,
    "data_layer_params": {
        "labels_file": "{dataset_location}/{dataset_version}-labels.txt",
        "num_audio_features": 128,
        "audio_length": 128,
        "cache_data": "waveforms",
    },
}

train_params = {
    "data_layer_params": {
        "dataset_files": ["{dataset_location}/{dataset_version}-train.csv"],
        "augment_data": True,
        "shuffle": True,
    },
}

eval_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-val.csv"]},
}

test_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-test.csv"]},
}

infer_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-test.csv"]},
}
