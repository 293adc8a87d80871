"""The detector's recipe for a network of 44 thousand parameters, for microcontrollers.

    open-seq2seq --config_file=speech_commands/detector_micro --mode=train_eval
    open-seq2seq --mode=export --logdir=LOGDIR --export_dir=micro --export_format=tflite_micro

Recall and false accepts per hour: see docs/results.md.
"""

from example_configs.speech_commands import detector
from open_seq2seq.config import nested_update

dataset_version = "v1-12"  # v1-12, v2-12 or keywords: a version with the label unknown

base_model = detector.base_model

base_params = nested_update(
    detector.base_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-detector_micro",
        "encoder_params": {"convnet_layers": detector.layers(first=64, inner=56, last=96)},
        # what its figures, and those of phrases, were measured with
        "loss_params": {"label_weights": {"unknown": 0.5}},
    },
)
train_params = detector.train_params
eval_params = detector.eval_params
test_params = detector.test_params
infer_params = detector.infer_params
