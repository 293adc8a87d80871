"""What a user may ask of an export."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from open_seq2seq.components import Params, PathText, Text

Format = Literal["saved_model", "tflite", "onnx", "tflite_micro", "web"]
Number = Literal["float32", "float16", "int8", "int16x8"]


class ExportParams(Params):
    """Which files a trained model becomes, and the clips on which they are tried."""

    export_format: list[Format] = Field(
        default=["tflite"],
        min_length=1,
        description="Formats: saved_model, tflite (LiteRT), onnx, tflite_micro, a few frames of "
        "features at a time with the past in variables, for microcontrollers, and web, a page that "
        "listens in a browser.",
    )
    export_dtype: list[Number] = Field(
        default=[],
        description="Number types of the network: float32; of tflite also float16 and int8, and "
        "with features as input int16x8, whose activations have 16 bits; of tflite_micro int8. "
        "By default float32, or what the format has.",
    )
    export_dir: PathText | None = Field(
        default=None, description="Folder of the exported files, new or empty; required."
    )
    export_input: Literal["waveform", "features"] = Field(
        default="waveform",
        description="What the exported model takes: a waveform, with the front end inside, or "
        "features, for devices that have a front end of their own.",
    )
    export_clip_s: float | None = Field(
        default=None,
        gt=0,
        description="Seconds of the waveform that the exported model takes; by default 1, or what "
        "the model hears at a time if that is less.",
    )
    export_samples: Literal["int16", "float32"] | None = Field(
        default=None,
        description="Number type of the samples; by default float32 (1 is full scale), and int16 "
        "where the network is int8 or int16x8.",
    )
    export_files: list[PathText] = Field(
        default=[],
        description="Folders and manifests of clips to calibrate and to try the exported files "
        "on; by default the run's own training and validation clips.",
    )
    calibration_clips: int = Field(
        default=200, gt=0, description="Number of training clips that int8 is calibrated on."
    )
    check_clips: int = Field(
        default=1000, gt=0, description="Largest number of clips that each file is tried on."
    )
    micro_profile: Literal["tflm", "esphome"] = Field(
        default="tflm",
        description="Runtime of tflite_micro: TensorFlow Lite Micro, or ESPHome, which hears one "
        "keyword with each model and has other operators.",
    )
    micro_frames: int | None = Field(
        default=None,
        gt=0,
        description="Number of frames that tflite_micro takes at a time; by default those of "
        "hop_s where the model is calibrated for method=incremental, and 3 otherwise.",
    )
    micro_keyword: Text | None = Field(
        default=None,
        description="Label that tflite_micro tells from all others, with one output; by default "
        "all labels have one, and of ESPHome the only keyword.",
    )

    web_runtime: PathText | None = Field(
        default=None,
        description="Folder of npm's package onnxruntime-web, which format web needs; by default "
        "node_modules/onnxruntime-web.",
    )
    download: bool = Field(
        default=False, description="Whether npm fetches onnxruntime-web for format web."
    )

    @model_validator(mode="after")
    def _check_combinations(self) -> ExportParams:
        for format in self.export_format:
            numbers = self._numbers_of(format)
            if self.export_dtype and not set(numbers) & set(self.export_dtype):
                raise ValueError(
                    f"export_format {format} with export_input {self.export_input} has "
                    f"{', '.join(numbers)}, not {', '.join(self.export_dtype)}"
                )
        self._check_web()
        for number in self.export_dtype:
            if all(number not in self._numbers_of(format) for format in self.export_format):
                raise ValueError(
                    f"export_dtype {number} is of none of export_format "
                    f"{', '.join(self.export_format)} with export_input {self.export_input}"
                )
        return self

    def _check_web(self) -> None:
        if "web" not in self.export_format:
            if self.web_runtime is not None or self.download:
                raise ValueError("web_runtime and download are for export_format web alone")
            return
        if self.export_input == "features":
            raise ValueError(
                "export_format web takes waveforms, not features; export the page by itself"
            )
        if self.export_samples == "int16":
            raise ValueError(
                "export_format web takes float32 samples, not int16; export the page by itself"
            )

    def _numbers_of(self, format: Format) -> tuple[Number, ...]:
        """Return the number types of a format, with this input."""
        if format == "tflite_micro":
            return ("int8",)
        if format != "tflite":
            return ("float32",)
        if self.export_input == "features":
            return ("float32", "float16", "int8", "int16x8")
        return ("float32", "float16", "int8")  # with 16 bits the front end cannot stay in floats

    @property
    def pairs(self) -> list[tuple[Format, Number]]:
        """Format and number type of each file."""
        return [
            (format, number)
            for format in dict.fromkeys(self.export_format)
            for number in dict.fromkeys(self.export_dtype or self._numbers_of(format)[:1])
            if number in self._numbers_of(format)
        ]

    @property
    def is_quantized(self) -> bool:
        """Whether a network of small integers is among the files, which needs calibration."""
        return any(number.startswith("int") for _, number in self.pairs)

    def samples_of(self, number: str) -> str:
        """Return the number type of the samples that a file takes."""
        return self.export_samples or ("int16" if number.startswith("int") else "float32")
