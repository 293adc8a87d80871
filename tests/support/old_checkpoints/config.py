"""A small network with all on that a run must restore; early stopping ends it after step 16.

The old code that made the checkpoints has to run this file, and so does the code of today. It
imports only what configs may import, and names everything else by strings.
"""

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import PooledDecoder
from open_seq2seq.encoders import TDNNEncoder
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.models import Image2Label

base_model = Image2Label
base_params = {
    "dataset_version": "v2-12",
    "dataset_location": "data/speech_commands",
    "logdir": "result/old",
    "max_steps": 40,
    "batch_size_per_gpu": 12,
    "iter_size": 2,  # 144 rows: 6 steps an epoch
    "optimizer": "Adam",
    "lr_policy": "cosine_decay",
    "lr_policy_params": {"learning_rate": 0.02, "decay_steps": 40},
    "loss_scaling": "Backoff",
    "loss_scaling_params": {
        "scale_max": 2.0**66,
        "step_window": 3,
    },  # norms of gradients overflow above 2^64
    "max_grad_norm": 1.0,
    "ema_decay": 0.9,
    # the loss never improves by 100, so the 8th evaluation is the 7th without a new best value
    "early_stopping_params": {"metric": "loss", "min_delta": 100.0, "patience": 7},
    "eval_steps": 2,
    "save_checkpoint_steps": 5,
    "num_checkpoints": 1,
    "save_summaries_steps": None,
    "restore_best_checkpoint": True,
    "encoder": TDNNEncoder,
    "encoder_params": {
        "convnet_layers": [
            {"kernel_size": 3, "stride": 2, "num_channels": 8},
            {
                "kernel_size": 3,
                "num_channels": 8,
                "separable": True,
                "residual": True,
                "dropout_keep_prob": 0.8,
            },
        ],
        "activation_fn": "tanh",  # smooth, so that another CPU's rounding stays small
        "dropout_keep_prob": 0.9,
        "use_conv_mask": True,
    },
    "decoder": PooledDecoder,
    "decoder_params": {"use_lengths": True},
    "loss": CrossEntropyLoss,
    "data_layer": SpeechCommandsDataLayer,
    "data_layer_params": {
        "num_audio_features": 16,
        "audio_length": 33,
        "n_fft": 1024,
        "hop_length": 500,
        "pad_side": "end",
        "num_readers": 1,
        "cache_data": "waveforms",
    },
}
train_params = {
    "data_layer_params": {
        "dataset_files": ["{dataset_location}/{dataset_version}-train.csv"],
        "shuffle": True,
        "augment_data": True,
        "time_shift_ms": 50.0,
        "background_noise": "{dataset_location}/{dataset_version}-noise",
        "time_masks": 1,
        "time_mask_width": 4,
        "mixup_alpha": 0.3,
    }
}
eval_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-val.csv"]}
}
test_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-test.csv"]}
}
