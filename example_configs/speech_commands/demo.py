"""A small ResNet on synthetic speech: everything from data to accuracy in minutes on two CPU cores.

    make demo

Hardware: two CPU cores. Time and accuracy: docs/results.md.
"""

from example_configs.speech_commands import resnet50
from open_seq2seq.config import nested_update

base_model = resnet50.base_model

base_params = nested_update(
    resnet50.base_params,
    {
        "dataset_location": "data/demo",
        "logdir": "result/demo",
        # a quarter of the filters, and BatchNorm statistics that settle within a few hundred steps
        "encoder_params": {"resnet_size": 18, "num_filters": 16, "bn_momentum": 0.97},
        "num_epochs": 16,
        "dtype": "float32",
        "loss_scaling": 1.0,
        "ema_decay": 0.995,
        "use_xla_jit": True,  # twice as fast for so small a ResNet on a CPU
        "lr_policy_params": {"learning_rate": 0.05, "power": 2.0, "warmup_steps": 50},
        # images of 64x64 instead of 128x128: a quarter of the time
        "data_layer_params": {
            "hop_length": 250,
            "audio_length": 64,
            "n_fft": 512,
            "num_audio_features": 64,
        },
    },
)

train_params = resnet50.train_params
eval_params = resnet50.eval_params
test_params = resnet50.test_params
infer_params = resnet50.infer_params
