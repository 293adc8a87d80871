"""NeMo archives with a corrupt tar, configuration or weights, and with pickles that run code."""

from __future__ import annotations

import copy
import gzip
import os
import pickle
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from open_seq2seq.importing.nemo_archive import read_archive
from open_seq2seq.importing.nemo_model import describe
from open_seq2seq.importing.nemo_weights import convert_weights
from tests.support import torch_files
from tests.support.fuzzing import tars
from tests.support.fuzzing.edits import damage, pick
from tests.support.fuzzing.harness import refusal_of

_LABELS = ("go", "no", "up")
_N_MFCC = 8
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1,
        10**4,
        10**5,
        10**18,
        1 << 70,
        0.5,
        float("nan"),
        float("inf"),
        "",
        "x",
        "${labels}",
        "x" * 10**4,
    ),
    *(
        [],
        [1],
        [[]],
        [None] * 1000,
        {},
        {"x": 1},
        {1: 2},
        "${model.encoder}",
        "${encoder.jasper}",
        "a\nb",
        "\u2028",
        "../x",
    ),
)
_YAMLS = (
    "labels: !!python/object/apply:os.system ['touch {trace}']",
    "labels: !!python/object/new:os.system ['touch {trace}']",
    "!!python/object/apply:builtins.exec [\"open('{trace}', 'w')\"]",
    "a: &a [x, x, x, x, x, x, x, x, x]\nlabels: *a",
    "a: &a [*a]\nlabels: *a",
    "labels: &a [*a, *a]",
    "a: &a [x, x]\n"
    + "\n".join(f"{b}: &{b} [{', '.join(['*' + a] * 20)}]" for a, b in pairwise("abcdefghijklm")),
    "a: &a {x: 1}\n"
    + "\n".join(
        f"{b}: &{b} {{<<: [{', '.join(['*' + a] * 9)}]}}" for a, b in pairwise("abcdefghijklm")
    ),
    "[" * 5000,
    "{a: " * 5000,
    "labels: [" + "'${labels}', " * 300 + "]",
    "labels: !!int ''",
    "labels: !!float ''",
    "labels: !!bool x",
    "labels: !!timestamp x",
    "labels: 0001-01-01 00:00:00 +10:00",
    "labels: 2001-99-99",
    "labels: " + "9" * 5000,
    "labels: 1" + ":59" * 5000,
    "labels: !!binary '!'",
    "{[]: 1}",
    "? {a: b}\n: c",
    'labels: "\\ud800"',
    "%TAG ! x",
    "\t",
    "",
    "- 1",
    "<<: 1",
    "- " * 5000,
    "encoder: {jasper: [" + "{filters: 1, kernel: 1, repeat: 9999}," * 1500 + "]}",
    "encoder: {jasper: [" + "{zzz: 1}," * 1500 + "]}",
)


class _Harm:
    """An object that would make a file if a pickle were allowed to call functions."""

    def __init__(self, call: Any, argument: str) -> None:
        self._call = call
        self._argument = argument

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return self._call, (self._argument,)


class Fuzzer:
    """The archive of a small MatchboxNet, read up to the point where the network is built."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "a.nemo"
        self._trace = folder / "trace"
        rng = np.random.default_rng(0)
        self._config = torch_files.nemo_config(
            _LABELS, [torch_files.layer(4, 3, separable=False)], n_mfcc=_N_MFCC
        )
        self._config["decoder"]["feat_in"] = 4
        kernel = rng.standard_normal((4, _N_MFCC, 3)).astype(np.float32)
        self._weights = {"encoder.encoder.0.mconv.0.conv.weight": kernel}
        for name in ("weight", "bias", "running_mean", "running_var"):
            self._weights[f"encoder.encoder.0.mconv.1.{name}"] = np.ones(4, np.float32)
        decoder = "decoder.decoder_layers.0"
        self._weights[f"{decoder}.weight"] = rng.standard_normal((3, 4)).astype(np.float32)
        self._weights[f"{decoder}.bias"] = np.ones(3, np.float32)
        self._plain = self._archive(self._config, self._weights)

    def run(self, rng: np.random.Generator) -> str:
        make = pick(
            rng,
            (
                self._sound,
                self._edited,
                self._yaml,
                self._corrupt_weights,
                self._harmful,
                self._tar,
            ),
        )
        content, what = make(rng)
        self._path.write_bytes(content)
        try:
            with refusal_of(what, str(self._path), is_sound=make == self._sound):
                archive = read_archive(self._path)
                model = describe(archive.config, str(self._path))
                layers = model.encoder_params["convnet_layers"]
                n_features = model.data_layer_params["num_audio_features"]
                arrays = convert_weights(
                    archive.weights, layers, n_features, len(model.labels), str(self._path)
                )
        finally:
            left = sorted(os.listdir(self._folder))
            assert left == ["a.nemo"], f"{what}: {left} are left"
        if make == self._sound:
            kernel = self._weights["encoder.encoder.0.mconv.0.conv.weight"]  # [out, in, k]
            np.testing.assert_array_equal(
                arrays["tdnn_encoder.conv11/kernel"], kernel.transpose(2, 1, 0)[:, None]
            )
            assert model.labels == _LABELS
        assert make != self._harmful, f"{what}: accepted"
        assert all(np.isfinite(array).all() for array in arrays.values()), what
        return what

    def _archive(self, config: Any, weights: Any, **more: Any) -> bytes:
        path = torch_files.nemo_file(self._path, config, weights, **more)
        content = path.read_bytes()
        path.unlink()
        return content

    def _sound(self, rng: np.random.Generator) -> tuple[bytes, str]:
        prefix, gz = pick(rng, ("", "./")), bool(rng.integers(2))
        content = self._archive(self._config, self._weights, prefix=prefix, gz=gz)
        return content, f"sound, {prefix!r}, gz {gz}"

    def _edited(self, rng: np.random.Generator) -> tuple[bytes, str]:
        """Replace or delete values of the configuration."""
        config = copy.deepcopy(self._config)
        words = []
        for _ in range(rng.integers(1, 4)):
            part: Any = config
            while True:
                key = pick(rng, list(part) if isinstance(part, dict) else range(len(part)))
                if not isinstance(part[key], (dict, list)) or not part[key] or rng.random() < 0.2:
                    break
                part = part[key]
            value = pick(rng, (*_VALUES, "deleted"))
            if value == "deleted":
                del part[key]
                if not part:
                    break
            else:
                part[key] = copy.deepcopy(value)
            words.append(f"{key} {str(value)[:30]}")
        return self._archive(config, self._weights), ", ".join(words)

    def _yaml(self, rng: np.random.Generator) -> tuple[bytes, str]:
        if rng.random() < 0.4:
            corrupted, how = damage(rng, yaml.safe_dump(self._config).encode())
            return self._archive(corrupted.decode("latin-1"), self._weights), f"YAML {how}"
        text = pick(rng, _YAMLS).replace("{trace}", str(self._trace))
        if rng.random() < 0.5:
            text = yaml.safe_dump(self._config) + text
        return self._archive(text, self._weights), f"YAML {text[-60:]!r}"

    def _corrupt_weights(self, rng: np.random.Generator) -> tuple[bytes, str]:
        content = torch_files.torch_file(self._weights, protocol=int(pick(rng, (2, 4))))
        if rng.random() < 0.5:
            content, how = damage(rng, content, head=1500)
            return self._archive(self._config, content), f"weights {how}"
        state = dict(self._weights)
        key = pick(rng, list(state))
        odd = (
            np.zeros(0, np.float32),
            np.full(state[key].shape, np.nan, np.float32),
            np.zeros((1,) * 40, np.float32),
            3,
            "x",
        )
        state[key] = pick(rng, (*odd, None, [], {}, {"a": {}}, np.arange(4)))
        content = self._archive(self._config, torch_files.torch_file(state))
        return content, f"weights {key} {str(state[key])[:30]}"

    def _harmful(self, rng: np.random.Generator) -> tuple[bytes, str]:
        """Write pickles that call functions, expand, nest deeply or have random opcodes."""
        kind = pick(rng, ("call", "call", "opcodes", "deep", "wide", "memo", "edited", "long"))
        if kind == "call":
            trace = str(self._trace)
            calls = (
                (os.system, f"touch {trace}"),
                (eval, f"open({trace!r}, 'w')"),
                (exec, f"open({trace!r}, 'w')"),
            )
            harm = _Harm(
                *pick(rng, (*calls, (os.mkdir, trace), (open, trace), (__import__, "antigravity")))
            )
            value: Any = pick(rng, (harm, {"a": harm}, {**self._weights, "a": harm}))
            content = torch_files.torch_file(
                value, protocol=2 if isinstance(value, dict) else int(pick(rng, (0, 2, 4, 5)))
            )
            return self._archive(self._config, content), "a pickle that calls"
        pickled = {
            "opcodes": b"\x80\x02" + rng.bytes(rng.integers(1, 60)) + b".",
            "deep": b"\x80\x02})" + b"\x85" * int(pick(rng, (10**3, 10**6))) + b"K\x01s.",
            # pairs of pairs of pairs ...: 2 ** 60 items when printed
            "wide": b"\x80\x02}(X\x01\0\0\0a)" + b"2\x86" * 60 + pick(rng, (b"Q", b"")) + b"u.",
            "memo": b"\x80\x02}r\xff\xff\xff\x7f.",
            "edited": damage(rng, pickle.dumps({"a": [1, (2, 3), "x"]}, 2))[0]
            + pick(rng, (b"", b".")),
            "long": b"\x80\x02\x8b"
            + (1 << 20).to_bytes(4, "little")
            + b"\x7f" * (1 << 20)
            + pick(rng, (b"Q", b""))
            + b".",
        }[kind]
        return self._archive(self._config, torch_files.zip_of(pickled)), f"a pickle, {kind}"

    def _tar(self, rng: np.random.Generator) -> tuple[bytes, str]:
        """Corrupt the headers, or write further members or bombs."""
        if rng.random() < 0.4:
            what, content = pick(rng, tars.MAKERS)(rng)
            if rng.random() >= 0.5:
                content = _gunzipped(content)
            return content, what
        tar = bytearray(self._plain)
        header = 512 * int(rng.integers(len(tar) // 512))
        corrupted, how = damage(rng, bytes(tar[header : header + 512]))
        tar[header : header + 512] = corrupted
        if rng.random() < 0.7:
            tars.seal(tar, header)
        return bytes(tar), f"header at {header}: {how}"


def _gunzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return content
