"""Files in the formats of torch.save and NeMo's save_to, written without PyTorch."""

import collections
import io
import pickle
import sys
import tarfile
import types
import zipfile
from typing import NamedTuple
from unittest import mock

import numpy as np
import yaml

STORAGES = {
    "float32": "Float",
    "float16": "Half",
    "float64": "Double",
    "int64": "Long",
    "bfloat16": "BFloat16",
}


class Storage(NamedTuple):
    """Numbers that are stored as one part of the file."""

    key: str
    numbers: np.ndarray
    kind: str  # a key of STORAGES


class Tensor:
    """A view of a storage; strides and offset are in numbers."""

    def __init__(self, storage, shape, strides, offset=0):
        self.storage = storage
        self.shape = shape
        self.strides = strides
        self.offset = offset


def fake_modules():
    """Modules with PyTorch's names, which pickle needs to write references to them."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*args):
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    for kind in STORAGES.values():
        setattr(torch, f"{kind}Storage", type(f"{kind}Storage", (), {"__module__": "torch"}))
    return {"torch": torch, "torch._utils": utils}


class Pickler(pickle.Pickler):
    def __init__(self, file, modules, protocol):
        super().__init__(file, protocol)
        self.modules = modules
        self.storages = {}

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        self.storages[value.key] = value
        kind = getattr(self.modules["torch"], f"{STORAGES[value.kind]}Storage")
        return ("storage", kind, value.key, "cpu", len(value.numbers))

    def reducer_override(self, value):
        if not isinstance(value, Tensor):
            return NotImplemented
        rebuild = self.modules["torch._utils"]._rebuild_tensor_v2
        view = (value.storage, value.offset, value.shape, value.strides)
        return rebuild, (*view, False, collections.OrderedDict())  # requires_grad, hooks


def tensor(key, array):
    """A tensor with its own storage, in C order."""
    storage = Storage(key, np.ravel(array), str(array.dtype))
    strides = tuple(int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim))
    return Tensor(storage, array.shape, strides)


def torch_file(
    value, *, protocol=2, byte_order="little", with_byte_order=True, compression=zipfile.ZIP_STORED
):
    """Bytes of a file with ``value``: a dictionary of arrays and `Tensor`, or any other object."""
    if isinstance(value, dict):
        state = collections.OrderedDict()
        for i, (key, item) in enumerate(value.items()):
            state[key] = tensor(str(i), item) if isinstance(item, np.ndarray) else item
        state._metadata = collections.OrderedDict({"": {"version": 1}})  # PyTorch's modules add it
        value = state
    pickled = io.BytesIO()
    modules = fake_modules()
    with mock.patch.dict(sys.modules, modules):
        pickler = Pickler(pickled, modules, protocol)
        pickler.dump(value)
    return zip_of(
        pickled.getvalue(), pickler.storages.values(), byte_order, with_byte_order, compression
    )


def zip_of(
    pickled, storages=(), byte_order="little", with_byte_order=True, compression=zipfile.ZIP_STORED
):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        file.writestr("model/data.pkl", pickled)
        if with_byte_order:
            file.writestr("model/byteorder", byte_order)
        for storage in storages:
            dtype = storage.numbers.dtype.newbyteorder(byte_order)
            file.writestr(f"model/data/{storage.key}", storage.numbers.astype(dtype).tobytes())
        file.writestr("model/version", "3\n")
    return content.getvalue()


def nemo_file(path, config, weights, *, gz=False, prefix="./", extra=()):
    """Write a .nemo archive.

    Args:
        path: the file to write.
        config: a dictionary, or the text of model_config.yaml.
        weights: arrays by name, or the bytes of model_weights.ckpt.
        gz: whether the archive is compressed.
        prefix: prefix of the names in the archive.
        extra: pairs of a further member and its content.
    """
    if not isinstance(config, str):
        config = yaml.safe_dump(config, sort_keys=False)
    if not isinstance(weights, bytes):
        weights = torch_file(weights)
    with tarfile.open(path, "w:gz" if gz else "w") as tar:
        add(tar, f"{prefix}model_config.yaml", config.encode())
        add(tar, f"{prefix}model_weights.ckpt", weights)
        for member, data in extra:
            tar.addfile(member, io.BytesIO(data))
    return path


def add(tar, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def layer(filters, kernel, *, repeat=1, dilation=1, residual=False, separable=True, **more):
    """A layer of a NeMo configuration, with all the keys of NeMo's layers."""
    return {
        "filters": filters,
        "repeat": repeat,
        "kernel": [kernel],
        "stride": [1],
        "dilation": [dilation],
        "dropout": 0.0,
        "residual": residual,
        "separable": separable,
        "kernel_size_factor": 1.0,
        **more,
    }


def matchboxnet_layers(repeat=1):
    return [
        layer(128, 11),
        *(layer(64, kernel, repeat=repeat, residual=True) for kernel in (13, 15, 17)),
        layer(128, 29, dilation=2),
        layer(128, 1, separable=False),
    ]


def nemo_config(labels, layers, *, n_mfcc=64, audio_length=128, **more):
    """Contents of a model_config.yaml as NeMo's save_to writes it."""
    modules = "nemo.collections.asr.modules"
    return {
        "sample_rate": 16000,
        "labels": list(labels),
        "train_ds": {
            "manifest_filepath": "train.json",
            "labels": list(labels),
            "augmentor": {
                "shift": {"prob": 1.0, "min_shift_ms": -5.0, "max_shift_ms": 5.0},
                "white_noise": {"prob": 1.0, "min_level": -90, "max_level": -46},
            },
        },
        "preprocessor": {
            "_target_": f"{modules}.AudioToMFCCPreprocessor",
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "n_mels": 64,
            "n_mfcc": n_mfcc,
            "n_fft": 512,
        },
        "spec_augment": {
            "_target_": f"{modules}.SpectrogramAugmentation",
            "freq_masks": 2,
            "time_masks": 2,
            "freq_width": 15,
            "time_width": 25,
            "rect_masks": 5,
            "rect_time": 25,
            "rect_freq": 15,
        },
        "crop_or_pad_augment": {
            "_target_": f"{modules}.CropOrPadSpectrogramAugmentation",
            "audio_length": audio_length,
        },
        "encoder": {
            "_target_": f"{modules}.ConvASREncoder",
            "feat_in": n_mfcc,
            "activation": "relu",
            "conv_mask": True,
            "jasper": layers,
        },
        "decoder": {
            "_target_": f"{modules}.ConvASRDecoderClassification",
            "feat_in": 128,
            "return_logits": True,
            "pooling_type": "avg",
            "num_classes": len(labels),
        },
        "target": "nemo.collections.asr.models.classification_models.EncDecClassificationModel",
        "nemo_version": "1.0.0",
        **more,
    }
