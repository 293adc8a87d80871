"""A config that learns to tell tones apart within seconds; its encoder has no BatchNorm."""

from typing import Any

from pydantic import Field

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.lazy import keras
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.models import Image2Label
from open_seq2seq.structs import EncoderOutputs


class PeakEncoder(Encoder):
    """Max pooling over all frames, then one hidden layer."""

    n_hidden: int = Field(default=32, gt=0, description="Width of the hidden layer.")

    def build(self, features: Any, lengths: Any, options: LayerOptions) -> EncoderOutputs:
        x = keras.layers.GlobalMaxPooling1D(dtype=options.dtype)(features)
        x = keras.layers.Rescaling(0.2, dtype=options.dtype)(x)  # log-mel is between -11.5 and 11
        hidden = keras.layers.Dense(
            self.n_hidden, "tanh", dtype=options.dtype, name="peak_encoder.dense"
        )
        return EncoderOutputs(hidden(x), lengths)


base_model = Image2Label
base_params = {
    "dataset_version": "v2-12",
    "dataset_location": "data/speech_commands",
    "logdir": "result/tiny",
    "num_epochs": 8,
    "batch_size_per_gpu": 16,
    "optimizer": "Adam",
    "lr_policy": "cosine_decay",
    "lr_policy_params": {"learning_rate": 0.02},
    "print_loss_steps": 5,
    "write_report": False,  # it takes a second; tests of reports ask for it
    "encoder": PeakEncoder,
    "decoder": FullyConnectedDecoder,
    "loss": CrossEntropyLoss,
    "data_layer": SpeechCommandsDataLayer,
    "data_layer_params": {"num_readers": 1, "cache_data": "waveforms"},
}
train_params = {
    "data_layer_params": {
        "dataset_files": ["{dataset_location}/{dataset_version}-train.csv"],
        "shuffle": True,
        "augment_data": True,
    }
}
eval_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-val.csv"]}
}
test_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-test.csv"]}
}
infer_params = {
    "data_layer_params": {"dataset_files": ["{dataset_location}/{dataset_version}-test.csv"]}
}
