"""The config of docs/results.md's figures by MLPerf's protocol: one wake word against all else.

    open-seq2seq-prepare --data_dir=DIR --output_dir=data --keywords=happy \
        --negatives=words,double,synthetic,confusable
    python benchmarks/other_speech.py --packages=packages --output_dir=data/speech \
        --keywords=yes,no,up,down,left,right,stop,go,happy
    python run.py --config_file=benchmarks/wakeword.py --mode=train_eval --dataset_location=data

Recordings of noise to train with are looked for in data/noise/train. The network is that of
detector_micro. A sixth of the rows are the wake word, and four of five rows are mixed with noise or
talkers, often as loud as the word, as in the protocol.
"""

from example_configs.speech_commands import detector_micro as recipe
from open_seq2seq.config import nested_update

_DATA = "{dataset_location}/{dataset_version}"
_SPEECH = "{dataset_location}/speech/train"

base_model = recipe.base_model
base_params = nested_update(
    recipe.base_params,
    {
        "dataset_version": "keywords",
        "logdir": "result/wakeword",
        "num_epochs": 90,
        "eval_steps": 250,
        "save_checkpoint_steps": 250,
    },
)
train_params = nested_update(
    recipe.train_params,
    {
        "data_layer_params": {
            "rows_per_epoch": 6400,
            "sources": [
                {"dataset_files": [f"{_DATA}-train.csv"], "weight": 3.0},
                {"dataset_files": [f"{_DATA}-words-train.csv"], "weight": 0.8},
                {"dataset_files": [f"{_DATA}-double-train.csv"], "weight": 0.2},
                {
                    "dataset_files": [f"{_DATA}-synthetic-train.csv"],
                    "weight": 0.2,
                    "own_classes": False,
                },
                {
                    "dataset_files": [f"{_DATA}-confusable-train.csv"],
                    "weight": 0.2,
                    "own_classes": False,
                },
                {"recordings": f"{_DATA}-words-train.csv", "weight": 0.3},
                {"recordings": _SPEECH, "weight": 1.2},
            ],
            "background_noise": "{dataset_location}/noise/train",
            "background_speech": _SPEECH,
            "background_noise_prob": 0.8,
            "background_snr_db_min": -3.0,
            "background_snr_db_max": 20.0,
        }
    },
)
eval_params = recipe.eval_params
test_params = recipe.test_params
infer_params = recipe.infer_params
