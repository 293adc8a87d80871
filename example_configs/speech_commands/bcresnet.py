"""BC-ResNet on Speech Commands: the authors' recipe at scale 1, 9.2 thousand parameters; 321
thousand at scale 8.

    python run.py --config_file=example_configs/speech_commands/bcresnet.py --mode=train_eval

Hardware: one GPU, or two CPU cores. Hours and accuracy: not run in full here, see docs/results.md;
published are 96.9 (v2-12) at scale 1, 98.2 at 3 and 98.7 at 8, on the official split, after 200
epochs.
"""

from example_configs.speech_commands import resnet50
from open_seq2seq.config import nested_update
from open_seq2seq.encoders import BCResNetEncoder

dataset_version = "v2-12"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset
dataset_location = "data/speech_commands"
scale = (
    1  # 1, 1.5, 2, 3, 6 or 8; on the command line, freq_mask_width goes with encoder_params/scale
)
freq_mask_width = {1: 0, 1.5: 1, 2: 3, 3: 5, 6: 7, 8: 7}[scale]

base_model = resnet50.base_model

base_params = {
    "dataset_version": dataset_version,
    "dataset_location": dataset_location,
    "logdir": "result/{dataset_version}-bcresnet",
    "random_seed": 0,
    "num_epochs": 200,
    "batch_size_per_gpu": 100,
    "dtype": "float32",
    "optimizer": "Momentum",
    "optimizer_params": {"momentum": 0.9},
    "lr_policy": "warmup_cosine_decay",
    "lr_policy_params": {"learning_rate": 0.1, "warmup_epochs": 5.0},
    "regularizer": "l2_regularizer",
    "regularizer_params": {"scale": 0.001},
    "save_summaries_steps": 100,
    "print_loss_steps": 10,
    "restore_best_checkpoint": True,
    "encoder": BCResNetEncoder,
    "encoder_params": {"scale": scale},
    "decoder": resnet50.base_params["decoder"],
    "loss": resnet50.base_params["loss"],
    "data_layer": resnet50.base_params["data_layer"],
    "data_layer_params": {
        "labels_file": "{dataset_location}/{dataset_version}-labels.txt",
        # 40 mel bands of windows of 30 ms every 10 ms; a second makes 101 frames
        "num_audio_features": 40,
        "n_fft": 512,
        "win_length": 480,
        "hop_length": 160,
        "audio_length": 101,
        "frame_padding": "reflect",
        "cache_data": "waveforms",
    },
}

train_params = nested_update(
    resnet50.train_params,
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
eval_params = resnet50.eval_params
test_params = resnet50.test_params
infer_params = resnet50.infer_params
