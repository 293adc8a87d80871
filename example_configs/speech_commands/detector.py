"""A network for live sound, of 81 thousand parameters: it learns from other words and speech.

    open-seq2seq-prepare --data_dir=DIR --negatives=words,double,synthetic,confusable,sentences
    open-seq2seq --config_file=speech_commands/detector --mode=train_eval
    open-seq2seq --mode=detect --logdir=LOGDIR --calibrate=TRACKS,SPEECH --method=incremental

A network that knows ten words takes the speech of a room for them hundreds of times an hour. This
one sees four times as many rows an epoch: every keyword nearly twice, each time in another place
and at another pitch, every other word as a class of its own, words of two halves, synthetic words,
words that sound nearly like a keyword, and pieces of running speech, all merged into unknown. It is
of MatchboxNet's kind, with a frame every 20 ms. Recall and false accepts per hour: see
docs/results.md.
"""

from example_configs.speech_commands import matchboxnet_stream as stream
from open_seq2seq.config import nested_update

dataset_version = "v1-12"  # v1-12, v2-12 or keywords: a version with the label unknown

_DATA = "{dataset_location}/{dataset_version}"

# hours of speech without keywords: recorded by many people it is worth more than these sentences
speech = f"{_DATA}-sentences/train"

base_model = stream.base_model

POOLED_FRAMES = 51  # of a clip of one second
FIELD = 1 + 6 + 6 + 8 + 8 + 2 * 14  # frames that one output of the encoder depends on


def layers(first, inner, last):
    """Return the layers of a network of the given numbers of channels."""
    residual = {"num_channels": inner, "separable": True, "residual": True}
    return [
        {"kernel_size": [7], "num_channels": first, "separable": True},
        {"kernel_size": [7], **residual},
        {"kernel_size": [9], **residual},
        {"kernel_size": [9], **residual},
        {"kernel_size": [15], "num_channels": last, "separable": True, "dilation": [2]},
        {"kernel_size": [1], "num_channels": last},
    ]


base_params = nested_update(
    stream.base_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-detector",
        "encoder_params": {"convnet_layers": layers(first=96, inner=80, last=128)},
        "decoder_params": {"pooled_frames": POOLED_FRAMES},
        # most rows are unknown, and keywords must not be taken for it
        "loss_params": {"label_weights": {"unknown": 0.8}},
        "num_epochs": 30,
        "average_params": {"num_checkpoints": 8},
        "data_layer_params": {
            "features": "log_mel",
            "num_audio_features": 40,
            "win_length": 480,
            "hop_length": 320,
            "audio_length": POOLED_FRAMES + FIELD - 1,
            "merge_unknown": True,
        },
    },
)

train_params = nested_update(
    stream.train_params,
    {
        "data_layer_params": {
            "sources": [
                {"dataset_files": [f"{_DATA}-train.csv"], "weight": 0.8},
                {"dataset_files": [f"{_DATA}-words-train.csv"], "weight": 0.4},
                {"dataset_files": [f"{_DATA}-double-train.csv"], "weight": 0.2},
                {
                    "dataset_files": [f"{_DATA}-synthetic-train.csv"],
                    "weight": 0.2,
                    "own_classes": False,
                },
                {
                    "dataset_files": [f"{_DATA}-confusable-train.csv"],
                    "weight": 0.1,
                    "own_classes": False,
                },
                {"recordings": f"{_DATA}-words-train.csv", "weight": 0.3},
                {"recordings": speech, "weight": 0.8},
            ],
            # words anywhere in the second that is pooled, some of them cut
            "context_prob": 0.9,
            "context_window_ms": 1000.0,
            "context_cut_prob": 0.05,
            "pitch_shift": 1.0,
            "time_stretch": 0.15,
            "eq_db": 2.0,
            # noise, and people who talk at once, 3 to 30 dB below the word
            "background_noise": f"{_DATA}-noise",
            "background_speech": speech,
            "background_noise_prob": 0.3,
            "background_snr_db_min": 3.0,
            "background_snr_db_max": 30.0,
            "gain_db_min": -15.0,
            "gain_db_max": 6.0,
            # less is covered than in the published recipe: there is more to learn from
            "time_mask_width": 8,
            "freq_mask_width": 6,
            "cutouts": 2,
            "cutout_time": 8,
            "cutout_freq": 8,
        },
    },
)
eval_params = stream.eval_params
test_params = stream.test_params
infer_params = stream.infer_params
