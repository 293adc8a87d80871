"""Every key of ``base_params``: its type, default and meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Decoder, Encoder, Loss, Params
from open_seq2seq.config.early_stopping import EarlyStopping
from open_seq2seq.data.dataset_versions import DATASET_VERSIONS
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.layers.initializers import INITIALIZERS
from open_seq2seq.layers.regularizers import REGULARIZERS
from open_seq2seq.optimizers.larc import LARC
from open_seq2seq.optimizers.loss_scaling import LOSS_SCALINGS
from open_seq2seq.optimizers.lr_policies import LR_POLICIES
from open_seq2seq.optimizers.optimizers import OPTIMIZERS

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


class RunParams(Params):
    """What a config's ``base_params`` may say, after the overlay of the mode and the command line."""

    dataset_version: str = Field(
        default="v1-12",
        description="Which dataset; {dataset_version} in any other string stands for it.",
    )
    dataset_location: str = Field(
        default="data/speech_commands",
        description="Folder of the manifests; {dataset_location} stands for it.",
    )
    logdir: str = Field(description="Folder of checkpoints, metrics and TensorBoard summaries.")

    # how long and how much at a time
    num_epochs: int | None = Field(default=None, gt=0, description="Length of training in epochs.")
    max_steps: int | None = Field(
        default=None, gt=0, description="Length of training in steps, instead of num_epochs."
    )
    batch_size_per_gpu: int = Field(
        default=32, gt=0, description="Clips in a batch of each process."
    )
    eval_batch_size_per_gpu: int | None = Field(
        default=None, gt=0, description="The same for evaluation; by default batch_size_per_gpu."
    )
    iter_size: int = Field(
        default=1, gt=0, description="Batches of each process whose gradients make one step."
    )
    random_seed: int = Field(default=0, ge=0, description="Of weights, order and augmentation.")

    # processes and arithmetic
    use_horovod: bool | None = Field(
        default=None,
        description="Whether several processes train together; by default if horovodrun started them.",
    )
    num_gpus: int = Field(
        default=1, ge=0, description="Kept for OpenSeq2Seq's configs; above 1 it needs Horovod."
    )
    dtype: Literal["float32", "mixed", "mixed_bfloat16"] = Field(
        default="float32",
        description="'mixed': float16 with float32 master weights; on a CPU bfloat16 if it has it.",
    )
    loss_scaling: float | Literal["Backoff", "LogMax"] = Field(
        default=1.0, description="Factor of the loss in mixed precision, or how it adapts."
    )
    loss_scaling_params: dict[str, Any] = Field(
        default={}, description="Parameters of an adaptive loss scale."
    )
    use_xla_jit: bool = Field(
        default=False, description="Compile forward and backward pass with XLA."
    )

    # optimization
    optimizer: str = Field(default="Momentum", description=f"One of {', '.join(OPTIMIZERS)}.")
    optimizer_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    lr_policy: str | Callable = Field(
        default="fixed_lr",
        description=f"A function of the step, or one of {', '.join(LR_POLICIES)}.",
    )
    lr_policy_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    max_grad_norm: float | None = Field(
        default=None, gt=0, description="Longer gradients are scaled to this norm."
    )
    larc_params: LARC | None = Field(
        default=None,
        description="Scale each variable's gradient by the variable's length; see LARC below.",
    )
    regularizer: str | Callable | None = Field(
        default=None, description=f"One of {', '.join(REGULARIZERS)}."
    )
    regularizer_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    initializer: str | Callable | None = Field(
        default=None, description=f"One of {', '.join(INITIALIZERS)}."
    )
    initializer_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    load_model: str | None = Field(
        default=None,
        description="Logdir or checkpoint of another run; a new run begins with its weights where they fit.",
    )
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Evaluate and keep a moving average of the weights, with this decay.",
    )
    early_stopping_params: EarlyStopping | None = Field(
        default=None,
        description="End the run when validation stops getting better; see EarlyStopping below.",
    )
    freeze_variables_regex: str | None = Field(
        default=None, description="Variables whose name matches anywhere are not trained."
    )
    max_skipped_steps: int = Field(
        default=100,
        gt=0,
        description="So many steps in a row with gradients that are not finite end the run.",
    )
    check_ranks_steps: int | None = Field(
        default=1000,
        gt=0,
        description="Every so many steps, several processes check that their weights are the same; None: never.",
    )
    worker_timeout_s: float = Field(
        default=120.0,
        ge=5,
        description="Seconds without a sign of life after which another process counts as lost.",
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
        description="Where processes come and go: steps between the points that the run goes back to when one is lost.",
    )
    scale_learning_rate: bool = Field(
        default=False,
        description="Multiply the learning rate by the clips of a step over those of the run's first step.",
    )

    # what is written and printed, and when
    save_checkpoint_steps: int | None = Field(
        default=None, gt=0, description="Steps between checkpoints; None: one per epoch."
    )
    num_checkpoints: int = Field(default=5, gt=0, description="Checkpoints that are kept.")
    save_summaries_steps: int | None = Field(
        default=100, gt=0, description="Steps between TensorBoard summaries; None: none."
    )
    summaries: list[Summary] = Field(
        default=["learning_rate", "loss_scale", "global_gradient_norm"],
        description="What they hold besides the loss.",
    )
    print_loss_steps: int | None = Field(
        default=10, gt=0, description="Steps between lines with the loss; None: none."
    )
    print_samples_steps: int | None = Field(
        default=None, gt=0, description="Steps between lines with a prediction; None: none."
    )
    print_bench_info_steps: int | None = Field(
        default=None, gt=0, description="Steps between lines with speed; None: none."
    )
    eval_steps: int | None = Field(
        default=None, gt=0, description="Steps between evaluations; None: one per epoch."
    )
    restore_best_checkpoint: bool = Field(
        default=False,
        description="Whether eval and infer take the best checkpoint rather than the last.",
    )

    # the parts
    encoder: type[Encoder] = Field(description="Class of the encoder.")
    encoder_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    decoder: type[Decoder] = Field(description="Class of the decoder.")
    decoder_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    loss: type[Loss] = Field(description="Class of the loss.")
    loss_params: dict[str, Any] = Field(default={}, description="Its parameters.")
    data_layer: type[SpeechCommandsDataLayer] = Field(description="Class of the data layer.")
    data_layer_params: dict[str, Any] = Field(default={}, description="Its parameters.")

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

    @field_validator("optimizer")
    @classmethod
    def _is_optimizer(cls, name: str) -> str:
        if name not in OPTIMIZERS:
            raise ValueError(f"expected one of {', '.join(map(repr, OPTIMIZERS))}, got {name!r}")
        return name

    @model_validator(mode="after")
    def _check_length(self) -> RunParams:
        if (self.num_epochs is None) == (self.max_steps is None):
            raise ValueError(
                f"give either num_epochs or max_steps, got {self.num_epochs} and {self.max_steps}; "
                "on the command line the other one is taken away by --num_epochs=None or --max_steps=None"
            )
        if self.larc_params is not None and self.max_grad_norm is not None:
            raise ValueError("larc_params and max_grad_norm cannot be used together")
        if self.loss_scaling_params and self.loss_scaling not in LOSS_SCALINGS:
            raise ValueError(
                f"loss_scaling_params has no meaning with the constant loss_scaling {self.loss_scaling}"
            )
        if not isinstance(self.loss_scaling, str) and self.loss_scaling <= 0:
            raise ValueError(f"loss_scaling must be above 0, got {self.loss_scaling}")
        return self


# OpenSeq2Seq's keys that have no counterpart here, with what to do instead.
RETIRED = {
    "use_trt": "TensorRT is applied to an exported model, not in training; remove it",
    "trt_params": "TensorRT is applied to an exported model, not in training; remove it",
    "gpu_ids": "choose GPUs with the environment variable CUDA_VISIBLE_DEVICES; remove it",
    "hooks": "session hooks belong to TensorFlow 1; remove it",
}

# The same for the data layer's parameters.
RETIRED_DATA = {
    "repeat_samples": "each epoch takes every row once; open-seq2seq-prepare balances the labels",
}
