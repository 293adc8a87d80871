"""A small Jasper on the demo's synthetic speech, in minutes on two CPU cores.

    make demo        (makes the data)
    open-seq2seq --config_file=speech_commands/jasper_mini --mode=train_eval

The code and the training options are Jasper-10x3's. Hardware: two CPU cores. Time and accuracy:
docs/results.md.
"""

from example_configs.speech_commands import jasper10x3
from example_configs.speech_commands.jasper10x3 import blocks, conv
from open_seq2seq.config import nested_update

base_model = jasper10x3.base_model

base_params = nested_update(
    jasper10x3.base_params,
    {
        "dataset_location": "data/demo",
        "logdir": "result/jasper_mini",
        "encoder_params": {
            "convnet_layers": [
                conv(11, 64, 0.9, stride=[2, 1]),
                *blocks(11, 64, 0.9, n_blocks=1),
                conv(13, 96, 0.9, stride=[2, 1]),
                *blocks(13, 96, 0.9, n_blocks=1),
                conv(17, 128, 0.8, dilation=[2, 1]),
                conv(1, 128, 0.8),
            ],
        },
        "regularizer_params": {"scale": 0.0001},
        "num_epochs": 16,
        "batch_size_per_gpu": 32,
        "lr_policy_params": {"learning_rate": 0.05, "warmup_steps": 50},
        # 64 mel bands in 64 frames
        "data_layer_params": {
            "hop_length": 250,
            "audio_length": 64,
            "n_fft": 512,
            "num_audio_features": 64,
        },
    },
)

train_params = jasper10x3.train_params
eval_params = jasper10x3.eval_params
test_params = jasper10x3.test_params
infer_params = jasper10x3.infer_params
