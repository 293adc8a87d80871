"""Every key of ``base_params``: its type, default and meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from open_seq2seq.components import Decoder, Encoder, Group, Loss, PathText, Text
from open_seq2seq.config.checkpoint_average import CheckpointAverage
from open_seq2seq.config.distillation import Distillation
from open_seq2seq.config.early_stopping import EarlyStopping
from open_seq2seq.config.metric import EXPECTED, check_metric
from open_seq2seq.config.slots import SLOTS
from open_seq2seq.config.validation_tracks import ValidationTracks
from open_seq2seq.data.dataset_versions import DATASET_VERSIONS
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.optimizers.larc import LARC

Summary = Literal[
    "learning_rate",
    "loss_scale",
    "global_gradient_norm",
    "gradient_norm",
    "gradients",
    "variable_norm",
    "variables",
    "larc_summaries",
]


def _names(key: str) -> str:
    return ", ".join(SLOTS[key].options)


class Parts(Group):
    """What is trained on what: the classes of a run, each with its parameters."""

    data_layer: type[SpeechCommandsDataLayer] = Field(description="Class of the data layer.")
    data_layer_params: dict[str, Any] = Field(
        default={}, description="Parameters of the data layer."
    )
    encoder: type[Encoder] = Field(description="Class of the encoder.")
    encoder_params: dict[str, Any] = Field(default={}, description="Parameters of the encoder.")
    decoder: type[Decoder] = Field(description="Class of the decoder.")
    decoder_params: dict[str, Any] = Field(default={}, description="Parameters of the decoder.")
    loss: type[Loss] = Field(description="Class of the loss.")
    loss_params: dict[str, Any] = Field(default={}, description="Parameters of the loss.")

    @model_validator(mode="after")
    def _check_outputs(self) -> Parts:
        default = self.decoder.model_fields["outputs"].default
        outputs = self.decoder_params.get("outputs", default)
        if outputs == "sigmoid" and self.data_layer_params.get("merge_unknown"):
            raise ValueError(
                "data_layer_params/merge_unknown sums probabilities of a softmax, and "
                "decoder_params/outputs is 'sigmoid'; leave one of them out"
            )
        return self


class Data(Group):
    """Which dataset, in batches of which size and in which order."""

    dataset_version: str = Field(
        default="v1-12",
        description="Version of the dataset; it replaces {dataset_version} in any other string.",
    )
    dataset_location: PathText = Field(
        default="data/speech_commands",
        description="Folder of the manifests; it replaces {dataset_location} in any other string.",
    )
    changed_front_end: list[str] = Field(
        default=[],
        description="Keys of the front end, such as ['pad_value'], whose values may differ from "
        "those that a checkpoint was trained with; any other difference is refused.",
    )
    batch_size_per_gpu: int = Field(
        default=32, gt=0, description="Clips in a training batch of each process."
    )
    eval_batch_size_per_gpu: int | None = Field(
        default=None,
        gt=0,
        description="Clips in an evaluation batch of each process; by default batch_size_per_gpu.",
    )
    iter_size: int = Field(
        default=1, gt=0, description="Batches of each process whose gradients make one step."
    )
    random_seed: int = Field(
        default=0, ge=0, description="Seed for initial weights, shuffling and augmentation."
    )

    @property
    def eval_batch_size(self) -> int:
        """Clips in a batch of each process in evaluation and inference."""
        return self.eval_batch_size_per_gpu or self.batch_size_per_gpu

    @field_validator("dataset_version")
    @classmethod
    def _is_known(cls, version: str) -> str:
        if version not in DATASET_VERSIONS:
            raise ValueError(
                f"expected one of {', '.join(map(repr, DATASET_VERSIONS))}, got {version!r}"
            )
        return version


class Length(Group):
    """How long the run is."""

    num_epochs: int | None = Field(default=None, gt=0, description="Length of training in epochs.")
    max_steps: int | None = Field(
        default=None, gt=0, description="Length of training in steps, instead of num_epochs."
    )
    early_stopping_params: EarlyStopping | None = Field(
        default=None,
        description="Early stopping: end the run when validation no longer improves; see "
        "EarlyStopping below.",
    )

    @model_validator(mode="after")
    def _check_length(self) -> Length:
        if (self.num_epochs is None) == (self.max_steps is None):
            raise ValueError(
                f"give either num_epochs or max_steps, got {self.num_epochs} and {self.max_steps}; "
                "on the command line the other one is taken away by --num_epochs=None or "
                "--max_steps=None"
            )
        return self


class Optimization(Group):
    """How gradients become updates of the weights."""

    optimizer: str = Field(
        default="Momentum", description=f"Optimizer: one of {_names('optimizer')}."
    )
    optimizer_params: dict[str, Any] = Field(default={}, description="Parameters of the optimizer.")
    lr_policy: str | Callable = Field(
        default="fixed_lr",
        description="Learning rate policy: a function of the step, or one of "
        f"{_names('lr_policy')}.",
    )
    lr_policy_params: dict[str, Any] = Field(
        default={}, description="Parameters of the learning rate policy."
    )
    max_grad_norm: float | None = Field(
        default=None,
        gt=0,
        description="Largest global L2 norm of the gradients; larger ones are scaled down to it.",
    )
    larc_params: LARC | None = Field(
        default=None,
        description="Parameters of LARC, which scales each variable's gradient by the norm of the "
        "variable; see LARC below. None: no LARC.",
    )
    regularizer: str | Callable | None = Field(
        default=None,
        description=f"Regularizer of the weights: a function, or one of {_names('regularizer')}.",
    )
    regularizer_params: dict[str, Any] = Field(
        default={}, description="Parameters of the regularizer."
    )
    initializer: str | Callable | None = Field(
        default=None,
        description=f"Initializer of the weights: a function, or one of {_names('initializer')}. "
        "None: each layer's own.",
    )
    initializer_params: dict[str, Any] = Field(
        default={}, description="Parameters of the initializer."
    )
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay of the exponential moving average (EMA) of the weights, which is then "
        "evaluated and kept; None: no EMA.",
    )

    @model_validator(mode="after")
    def _check_norms(self) -> Optimization:
        if self.larc_params is not None and self.max_grad_norm is not None:
            raise ValueError("larc_params and max_grad_norm cannot be used together")
        return self


class FineTuning(Group):
    """What the run takes over from another one, and which weights it trains."""

    load_model: PathText | None = Field(
        default=None,
        description="Logdir or checkpoint of another run to fine-tune: a new run starts with its "
        "weights where they fit.",
    )
    freeze_variables_regex: str | None = Field(
        default=None,
        description="Regular expression: variables whose name matches anywhere are not trained.",
    )
    distillation_params: Distillation | None = Field(
        default=None,
        description="Distillation: learn from the probabilities of a trained model too; see "
        "Distillation below. None: from the labels alone.",
    )


class Arithmetic(Group):
    """Number types, and what is done about numbers that are not finite."""

    dtype: Literal["float32", "mixed", "mixed_bfloat16"] = Field(
        default="float32",
        description="Number type of the network; 'mixed': float16 with float32 master weights, on "
        "a CPU bfloat16 if it has it.",
    )
    loss_scaling: float | Literal["Backoff", "LogMax"] = Field(
        default=1.0,
        description="Loss scale in mixed precision: a constant factor, or how it adapts.",
    )
    loss_scaling_params: dict[str, Any] = Field(
        default={}, description="Parameters of an adaptive loss scale."
    )
    max_skipped_steps: int = Field(
        default=100,
        gt=0,
        description="Number of consecutive non-finite steps (NaN or infinite gradients) that ends "
        "the run.",
    )
    use_xla_jit: bool = Field(
        default=False, description="Whether forward and backward pass are compiled with XLA."
    )

    @model_validator(mode="after")
    def _check_loss_scaling(self) -> Arithmetic:
        if isinstance(self.loss_scaling, str):
            return self
        if self.loss_scaling_params:
            raise ValueError(
                "loss_scaling_params has no meaning with the constant loss_scaling "
                f"{self.loss_scaling}"
            )
        if self.loss_scaling <= 0:
            raise ValueError(f"loss_scaling must be above 0, got {self.loss_scaling}")
        return self


class Processes(Group):
    """Several processes: how they train together and check each other."""

    use_horovod: bool | None = Field(
        default=None,
        description="Whether several processes train together; by default if horovodrun started "
        "them.",
    )
    num_gpus: int = Field(
        default=1,
        ge=0,
        description="Number of GPUs, accepted for OpenSeq2Seq's configs; above 1 it needs Horovod.",
    )
    scale_learning_rate: bool = Field(
        default=False,
        description="Elastic training: whether the learning rate is multiplied by the clips of a "
        "step over those of the run's first step.",
    )
    check_ranks_steps: int | None = Field(
        default=1000,
        gt=0,
        description="Steps between checks that all processes have the same weights; None: never.",
    )
    worker_timeout_s: float = Field(
        default=120.0,
        ge=5,
        description="Seconds without a heartbeat after which another process counts as failed.",
    )
    rendezvous_timeout_s: float = Field(
        default=300.0,
        ge=5,
        description="Seconds that processes wait in the rendezvous until all, or one that joins, "
        "have started; at least worker_timeout_s. Gloo's operations wait as long for their data.",
    )
    elastic_commit_steps: int = Field(
        default=50,
        gt=0,
        description="Elastic training: steps between commits, the states that the run returns to "
        "after a worker failure.",
    )


class Output(Group):
    """What is written, printed and evaluated, and when."""

    logdir: PathText = Field(
        min_length=1, description="Folder of checkpoints, metrics and TensorBoard summaries."
    )
    save_checkpoint_steps: int | None = Field(
        default=None, gt=0, description="Steps between checkpoints; None: one checkpoint per epoch."
    )
    num_checkpoints: int = Field(default=5, gt=0, description="Number of checkpoints kept.")
    restore_best_checkpoint: bool = Field(
        default=False,
        description="Whether eval and infer use the best checkpoint rather than the last.",
    )
    best_metric: Text = Field(
        default="top1",
        description=f"Validation metric whose best value makes a model the best one: {EXPECTED}. "
        "false_accepts is the recall at the wanted rate of false accepts on validation tracks.",
    )
    validation_tracks_params: ValidationTracks | None = Field(
        default=None,
        description="Tracks on which recall and false accepts are measured at each evaluation; see "
        "ValidationTracks below. None: none are.",
    )
    average_params: CheckpointAverage | None = Field(
        default=None,
        description="Averaging of the weights of several checkpoints at the end of a run; see "
        "CheckpointAverage below. None: nothing is averaged.",
    )
    eval_steps: int | None = Field(
        default=None, gt=0, description="Steps between evaluations; None: one evaluation per epoch."
    )
    save_summaries_steps: int | None = Field(
        default=100, gt=0, description="Steps between TensorBoard summaries; None: no summaries."
    )
    summaries: list[Summary] = Field(
        default=["learning_rate", "loss_scale", "global_gradient_norm"],
        description="What TensorBoard summaries hold besides the loss.",
    )
    trackers: list[Literal["wandb", "mlflow"]] = Field(
        default=[],
        description="Trackers that get the parameters and the scalars of TensorBoard: 'wandb' "
        "(Weights & Biases) and 'mlflow', extras of these names.",
    )
    tracker_project: Text = Field(
        default="speech_commands", description="Project or experiment that trackers put the run in."
    )
    write_report: bool = Field(
        default=True,
        description="Whether a final evaluation leaves a report in logdir, and pictures and sound "
        "for TensorBoard.",
    )
    print_loss_steps: int | None = Field(
        default=10, gt=0, description="Steps between lines with the loss; None: no such lines."
    )
    print_samples_steps: int | None = Field(
        default=None,
        gt=0,
        description="Steps between lines with a prediction; None: no such lines.",
    )
    print_bench_info_steps: int | None = Field(
        default=None, gt=0, description="Steps between lines with the speed; None: no such lines."
    )


class RunParams(Parts, Data, Length, Optimization, FineTuning, Arithmetic, Processes, Output):
    """A config's ``base_params``, after the overlay of the mode and the command line."""

    @field_validator("best_metric")
    @classmethod
    def _is_metric(cls, metric: str) -> str:
        return check_metric(metric)

    @field_validator("changed_front_end")
    @classmethod
    def _names_keys(cls, names: list[str]) -> list[str]:
        unknown = sorted(set(names) - FrontEnd.model_fields.keys())
        if unknown:
            raise ValueError(
                f"the front end has no {', '.join(unknown)}; its keys are "
                f"{', '.join(FrontEnd.model_fields)}"
            )
        return names

    @field_validator(*SLOTS)
    @classmethod
    def _names_an_option(cls, value: Any, info: ValidationInfo) -> Any:
        SLOTS[str(info.field_name)].check_name(value)
        return value


_TENSORRT = (
    "use_trt",
    "trt_precision_mode",
    "trt_max_workspace_size_bytes",
    "trt_minimum_segment_size",
    "trt_is_dynamic_op",
    "trt_maximum_cached_engines",
)
# OpenSeq2Seq's keys that have no counterpart here, with what to do instead.
RETIRED = {
    **dict.fromkeys(
        _TENSORRT, "TensorRT is applied to an exported model, not in training; remove it"
    ),
    "finetune": "name the other run in load_model; remove it",
    "base_logdir": "name the other run in load_model; remove it",
    "lm_vocab_file": "it belongs to language models; remove it",
    "processed_data_folder": "it belongs to language models; remove it",
    "debug_port": "TensorFlow's debugger is not attached to a run; remove it",
    "gpu_ids": "choose GPUs with the environment variable CUDA_VISIBLE_DEVICES; remove it",
    "hooks": "session hooks belong to TensorFlow 1; remove it",
}
