"""MatchboxNet-3x1x64 for live sound: it learns from other words and from running speech.

    open-seq2seq-prepare --data_dir=DIR --negatives=words,double,synthetic,confusable,sentences
    open-seq2seq --config_file=speech_commands/detector --mode=train_eval
    open-seq2seq --mode=detect --logdir=LOGDIR --calibrate=TRACKS,SPEECH --method=incremental

A network that knows ten words takes the speech of a room for them hundreds of times an hour. This
one sees 2.4 times as many rows an epoch: every other word as a class of its own, words of two
halves, synthetic words, words that sound nearly like a keyword, and pieces of running speech, all
merged into unknown. Recall and false accepts per hour: see docs/results.md.
"""

from example_configs.speech_commands import matchboxnet_stream as stream
from open_seq2seq.config import nested_update

dataset_version = "v1-12"  # v1-12, v2-12 or keywords: a version with the label unknown

base_model = stream.base_model

_NEGATIVES = "{dataset_location}/{dataset_version}"

base_params = nested_update(
    stream.base_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-detector",
        "encoder_params": {"convnet_layers": stream.offline.blocks(repeat=1)},
        "num_epochs": 30,
        "average_params": {"num_checkpoints": 6},
        "data_layer_params": {
            "features": "log_mel",
            "num_audio_features": 40,
            "merge_unknown": True,
        },
    },
)

train_params = nested_update(
    stream.train_params,
    {
        "data_layer_params": {
            "sources": [
                {"dataset_files": [_NEGATIVES + "-words-train.csv"], "weight": 0.25},
                {"dataset_files": [_NEGATIVES + "-double-train.csv"], "weight": 0.15},
                {
                    "dataset_files": [_NEGATIVES + "-synthetic-train.csv"],
                    "weight": 0.15,
                    "own_classes": False,
                },
                {
                    "dataset_files": [_NEGATIVES + "-confusable-train.csv"],
                    "weight": 0.1,
                    "own_classes": False,
                },
                {"recordings": _NEGATIVES + "-words-train.csv", "weight": 0.2},
                # recordings of your own rooms and people, if you have some, are worth more
                {"recordings": _NEGATIVES + "-sentences/train", "weight": 0.5},
            ],
            # words anywhere in the second that is pooled, some of them cut
            "context_prob": 0.9,
            "context_window_ms": 1000.0,
            "context_cut_prob": 0.05,
            "pitch_shift": 1.0,
            "time_stretch": 0.1,
            "gain_db_min": -15.0,
            "gain_db_max": 6.0,
            # less is covered than in the published recipe: there is more to learn from
            "time_mask_width": 15,
            "freq_mask_width": 6,
            "cutouts": 2,
            "cutout_time": 15,
            "cutout_freq": 8,
        },
    },
)
eval_params = stream.eval_params
test_params = stream.test_params
infer_params = stream.infer_params
