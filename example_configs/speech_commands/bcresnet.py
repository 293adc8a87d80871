"""BC-ResNet on Speech Commands: its authors' recipe, 9.2 to 321 thousand parameters by scale.

    open-seq2seq --config_file=speech_commands/bcresnet --mode=train_eval

Hardware: one GPU, or two CPU cores. Hours and accuracy: not run in full here, see docs/results.md;
published are 96.9 (v2-12) at scale 1, 98.2 at 3 and 98.7 at 8, on the official split, after 200
epochs.
"""

from example_configs.speech_commands import common
from open_seq2seq.config import nested_update
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import BCResNetEncoder

dataset_version = "v2-12"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset
# 1, 1.5, 2, 3, 6 or 8; on the command line, all masks of train_params go with encoder_params/scale
scale = 1
freq_mask_width = {1: 0, 1.5: 1, 2: 3, 3: 5, 6: 7, 8: 7}[scale]

base_model = common.base_model

base_params = nested_update(
    common.shared_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-bcresnet",
        # network
        "encoder": BCResNetEncoder,
        "encoder_params": {"scale": scale},
        "decoder": FullyConnectedDecoder,
        "regularizer": "l2_regularizer",
        "regularizer_params": {"scale": 0.001},
        # optimizer and schedule
        "num_epochs": 200,
        "batch_size_per_gpu": 100,
        "dtype": "float32",
        "optimizer": "Momentum",
        "optimizer_params": {"momentum": 0.9},
        "lr_policy": "warmup_cosine_decay",
        "lr_policy_params": {"learning_rate": 0.1, "warmup_epochs": 5.0},
        # front end: 40 log-mel bands of windows of 30 ms every 10 ms; a second makes 101 frames
        "data_layer_params": {
            "num_audio_features": 40,
            "n_fft": 512,
            "win_length": 480,
            "hop_length": 160,
            "audio_length": 101,
            "frame_padding": "reflect",
        },
    },
)

# augmentation: time shift, recorded background noise and, above scale 1, SpecAugment
train_params = nested_update(
    common.train_params,
    {
        "data_layer_params": {
            "augment_prob": 0.8,  # the others are neither shifted nor mixed with noise
            "time_shift_ms": 100.0,
            "pitch_shift": 0.0,
            "time_stretch": 0.0,
            "noise_level_max": None,
            "background_noise": "{dataset_location}/{dataset_version}-noise",
            "background_noise_prob": 1.0,
            "background_noise_volume": 0.1,
            "time_masks": 2 if scale > 1 else 0,
            "time_mask_width": 20,
            "freq_masks": 2 if scale > 1 else 0,
            "freq_mask_width": freq_mask_width,
        },
    },
)
eval_params = common.eval_params
test_params = common.test_params
infer_params = common.infer_params
