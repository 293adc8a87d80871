"""Config files with random edits, and random values on the command line.

A config is Python code, and the toolkit is not responsible for what it does. So the edits insert
values, names and syntax errors, and no code that is harmful or endless.
"""

from __future__ import annotations

import io
import math
import sys
import tokenize
from pathlib import Path

import numpy as np

from open_seq2seq import cli
from open_seq2seq.config import Config, load_config
from open_seq2seq.config.overrides import parse_values
from open_seq2seq.config.run_params import RunParams
from tests.support.fuzzing.edits import damage, pick
from tests.support.fuzzing.harness import refusal_of
from tests.support.paths import CONFIGS, TINY

_BEGIN = "base_model = "  # imports and classes are before it, values after it
_VALUES = (
    *(
        "None",
        "True",
        "0",
        "1",
        "-1",
        "0.5",
        "-0.0",
        "1e400",
        "-1e400",
        "float('nan')",
        "10**400",
        "10**6000",
        "2**63",
    ),
    *(
        "''",
        "'x'",
        "'Adam'",
        "'{dataset_version}'",
        "'{'",
        "'\\0'",
        "'\\ud800'",
        "'x' * 10**6",
        "b'x'",
        "...",
        "1j",
    ),
    *(
        "[]",
        "[1]",
        "[None] * 10**5",
        "()",
        "(1, 2)",
        "set()",
        "{1}",
        "{}",
        "{1: 2}",
        "{'x': 1}",
        "{None: {}}",
        "range(9)",
    ),
    *(
        "lambda: 1",
        "lambda *a, **k: 1",
        "lambda x: x",
        "print",
        "max",
        "dict",
        "int",
        "type",
        "object",
        "object()",
        "len",
    ),
    *(
        "base_model",
        "Image2Label",
        "NotImplemented",
        "Exception",
        "open",
        "__name__",
        "__builtins__",
        "undefined",
    ),
    *(
        "[[[[[[[[[]]]]]]]]]",
        "(lambda a: a.append(a) or a)([])",
        "(lambda d: d.update(d=d) or d)({})",
        "1 / 0",
        "exit()",
    ),
)
_LINES = (
    *(
        "raise ValueError",
        "raise ValueError('\\n' * 9)",
        "raise SystemExit(3)",
        "exit('bye')",
        "assert False",
        "import nothing",
    ),
    *(
        "from open_seq2seq import nothing",
        "def f(): return f()\nf()",
        "train_params = None",
        "eval_params = 5",
        "infer_params = {1: 2}",
    ),
    *(
        "base_params = None",
        "base_model = int",
        "del base_params",
        "trian_params = {}",
        "base_params['x'] = base_params",
    ),
    *(
        "train_params['train_params'] = train_params",
        "raise KeyboardInterrupt if 0 else Exception(base_params)",
    ),
    *(
        "class E(Exception):\n    def __str__(self): return 1 / 0\nraise E",
        "\\",
        "(",
        ")",
        "'''",
        "\t x",
        "\f",
        "0777",
        "é = 1 €",
    ),
    *(
        "base_params |= {'encoder_params': base_params}",
        "base_params['lr_policy'] = max",
        "yield 1",
        "import json as base_params",
    ),
)
_TEXTS = (
    *(
        "",
        "None",
        "-1",
        "nan",
        "1e400",
        "'",
        "{",
        "[" * 200,
        "[" * 10**5,
        "{[]: 1}",
        "{{}}",
        "-" * 9999 + "1",
        "1" + "0" * 5000,
    ),
    *(
        "(1,)",
        "lambda: 1",
        "__import__('os')",
        "\0",
        "\ud800",
        "{1: 2}",
        "[1, 'x']",
        "true",
        "0x",
        "x" * 10**5,
        "'a' 'b'",
    ),
)


class Fuzzer:
    """The example configs and the tests' own, edited, loaded as a run does it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "config.py"
        self._sources = [path.read_text() for path in (TINY, *CONFIGS)]

    def run(self, rng: np.random.Generator) -> str:
        source = pick(rng, self._sources)
        overrides: dict[str, str] = {}
        kind = pick(
            rng,
            (
                "tokens",
                "tokens",
                "tokens",
                "values",
                "values",
                "values",
                "lines",
                "lines",
                "numbers",
                "added",
                "bytes",
                "flags",
            ),
        )
        what, content = kind, source.encode()
        if kind in _EDITS:
            edited, what = _EDITS[kind](rng, source)
            content = edited.encode()
        elif kind == "added":
            what = pick(rng, _LINES)
            content = f"{source}\n{what}\n".encode()
        elif kind == "bytes":
            begin = source.index(_BEGIN)
            corrupted, what = damage(rng, source[begin:].encode())
            content = source[:begin].encode() + corrupted
        else:
            overrides = {_draw_key(rng): str(pick(rng, _TEXTS)) for _ in range(rng.integers(1, 4))}
            what = repr(overrides)[:200]
        self._path.write_bytes(content)
        for name in [name for name in sys.modules if name.startswith("example_configs")]:
            del sys.modules[name]  # an edited config may have changed the configs it imports
        mode = pick(rng, cli.MODES)
        with refusal_of(what, str(self._path), *(key.split("/")[-1] for key in overrides)):
            _, texts = cli.parse(
                [
                    f"--config_file={self._path}",
                    *(f"--{key}={text}" for key, text in overrides.items()),
                ]
            )
            assert texts == overrides
            config = load_config(str(self._path), mode, parse_values(texts))
        _check(config, what)
        return what


def _check(config: Config, what: str) -> None:
    """Assert that all parameters have their types, and that no number is NaN or infinite."""
    assert isinstance(config, Config)
    parts = (
        config.params,
        config.encoder,
        config.decoder,
        config.loss,
        config.optimizer,
        *config.data_layers.values(),
    )
    for part in parts:
        type(part).model_validate(dict(part))
        for name, value in part:
            assert not isinstance(value, float) or math.isfinite(value), (
                f"{what}: {name} is {value}"
            )
    rate = config.lr_policy.keywords.get("learning_rate", 0.0)  # type: ignore[attr-defined]
    assert not isinstance(rate, float) or math.isfinite(rate), f"{what}: learning_rate is {rate}"


def _edit_tokens(rng: np.random.Generator, source: str) -> tuple[str, str]:
    """Delete, repeat or swap tokens."""
    begin, tokens = _tokens(source)
    words = []
    for _ in range(rng.integers(1, 4)):
        i, j = sorted(int(k) for k in rng.integers(len(tokens), size=2))
        edit = pick(rng, ("delete", "repeat", "swap"))
        words.append(f"{edit} {tokens[i][1]!r}")
        if edit == "delete":
            del tokens[i]
        elif edit == "repeat":
            tokens.insert(j, tokens[i])
        else:
            tokens[i], tokens[j] = tokens[j], tokens[i]
    return begin + tokenize.untokenize(tokens), ", ".join(words)


def _put_values(rng: np.random.Generator, source: str) -> tuple[str, str]:
    """Replace literals and names by other values."""
    begin, tokens = _tokens(source)
    replaceable = (tokenize.NUMBER, tokenize.STRING, tokenize.NAME)
    indices = [i for i, (kind, _) in enumerate(tokens) if kind in replaceable]
    words = []
    for _ in range(rng.integers(1, 3)):
        i, value = int(pick(rng, indices)), str(pick(rng, _VALUES))
        words.append(f"{tokens[i][1][:40]} -> {value}")
        tokens[i] = (tokenize.OP, value)
    return begin + tokenize.untokenize(tokens), ", ".join(words)


def _edit_lines(rng: np.random.Generator, source: str) -> tuple[str, str]:
    """Delete or repeat a line."""
    begin = source.index(_BEGIN)
    lines = source[begin:].splitlines(keepends=True)
    index = int(rng.integers(len(lines)))
    lines[index] *= int(pick(rng, (0, 2)))
    return source[:begin] + "".join(lines), f"lines, {lines[index].strip()[:60] or 'one deleted'}"


def _edit_numbers(rng: np.random.Generator, source: str) -> tuple[str, str]:
    """Replace an integer by another integer, or a float by another float."""
    begin, tokens = _tokens(source)
    indices = [i for i, (kind, _) in enumerate(tokens) if kind == tokenize.NUMBER]
    index = int(pick(rng, indices))
    number = tokens[index][1]
    others = ("0.25", "0.5", "0.999", "1e-9", "3.0")
    if number.isdigit():
        others = ("1", "2", "3", "17", "1000")
    other = str(pick(rng, others))
    tokens[index] = (tokenize.NUMBER, other)
    return begin + tokenize.untokenize(tokens), f"{number} -> {other}"


_EDITS = {
    "tokens": _edit_tokens,
    "values": _put_values,
    "lines": _edit_lines,
    "numbers": _edit_numbers,
}


def _tokens(source: str) -> tuple[str, list[tuple[int, str]]]:
    """Return the text before `_BEGIN`, and the tokens after it as (kind, text)."""
    begin = source.index(_BEGIN)
    tokens = tokenize.generate_tokens(io.StringIO(source[begin:]).readline)
    # all indentation is inside brackets, so untokenize does not need its tokens
    left_out = (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    return source[:begin], [
        (token.type, token.string) for token in tokens if token.type not in left_out
    ]


def _draw_key(rng: np.random.Generator) -> str:
    key = pick(
        rng,
        (
            *RunParams.model_fields,
            "x",
            "",
            "encoder_params/x",
            "data_layer_params/sample_rate",
            "a/b/c",
        ),
    )
    if rng.random() < 0.2:
        key += pick(rng, ("/x", "/learning_rate", "/"))
    if rng.random() < 0.2:
        key = f"{pick(rng, ('train', 'eval'))}_params/{key}"
    return key
