"""MatchboxNet-3x2x64 on Speech Commands: two convolutions per block, 93 thousand parameters.

    open-seq2seq --config_file=speech_commands/matchboxnet3x2x64 --mode=train_eval

Hardware: one GPU, or two CPU cores. Hours and accuracy: not run here; published are 97.5 (v1-30)
and 97.2 (v2) on the official split, after 200 epochs.
"""

from example_configs.speech_commands import matchboxnet3x1x64
from open_seq2seq.config import nested_update

dataset_version = "v1-30"  # v1-12, v1-30, v2 or v2-12: the only line to change for another dataset

base_model = matchboxnet3x1x64.base_model

base_params = nested_update(
    matchboxnet3x1x64.base_params,
    {
        "dataset_version": dataset_version,
        "logdir": "result/{dataset_version}-matchboxnet3x2x64",
        "encoder_params": {"convnet_layers": matchboxnet3x1x64.blocks(repeat=2)},
    },
)

train_params = matchboxnet3x1x64.train_params
eval_params = matchboxnet3x1x64.eval_params
test_params = matchboxnet3x1x64.test_params
infer_params = matchboxnet3x1x64.infer_params
