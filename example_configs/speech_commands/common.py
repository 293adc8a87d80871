"""What the recipes share: model class, loss and data section, and the overlays of the four modes.

No config itself: it has no base_params.
"""

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.models import Image2Label

base_model = Image2Label

# {dataset_version} and {dataset_location} stand for the recipe's values, or for those of the
# command line.
shared_params = {
    "dataset_location": "data/speech_commands",  # where open-seq2seq-prepare wrote the manifests
    "random_seed": 0,
    "save_summaries_steps": 100,
    "print_loss_steps": 10,
    "restore_best_checkpoint": True,
    "loss": CrossEntropyLoss,
    "data_layer": SpeechCommandsDataLayer,
    "data_layer_params": {
        "labels_file": "{dataset_location}/{dataset_version}-labels.txt",
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
