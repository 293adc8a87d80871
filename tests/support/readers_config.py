"""A network of two thousand parameters that hears streams, trained in seconds."""

from example_configs.speech_commands import micro
from open_seq2seq.config import nested_update

base_model = micro.base_model
_BLOCK = {"num_channels": 8, "separable": True}
base_params = nested_update(
    micro.base_params,
    {
        "dataset_version": "v1-12",
        "dataset_location": "data/demo",
        "num_epochs": None,
        "max_steps": 200,
        "batch_size_per_gpu": 8,
        "encoder_params": {
            "convnet_layers": [{"kernel_size": [3], **_BLOCK}, {"kernel_size": [1], **_BLOCK}]
        },
        "data_layer_params": {"audio_length": micro.stream.POOLED_FRAMES + 2},
    },
)
train_params = micro.train_params
eval_params, test_params = micro.eval_params, micro.test_params
infer_params = micro.infer_params
