"""The example configs that come with the package, and how ``--config_file`` names them."""

from __future__ import annotations

import difflib
import logging
import os
import re
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.errors import UserError
from open_seq2seq.system.paths import expand_home

logger = logging.getLogger(__name__)

# beside the package, in a checkout as in an installation
_FOLDER = Path(__file__).parents[2] / "example_configs"
# a file without base_params holds what several configs share, and is none itself
_BASE_PARAMS = re.compile(r"^base_params\s*=", re.MULTILINE)
_FIRST_LINE = re.compile(r'"""(.*)')


class ShippedConfig(NamedTuple):
    """A config that comes with the package."""

    name: str  # such as speech_commands/resnet50
    path: Path
    summary: str  # the first line of its docstring


def shipped_configs() -> list[ShippedConfig]:
    """Return the configs that come with the package, sorted by name; none is run for that."""
    configs = []
    for path in sorted(_FOLDER.glob("*/*.py")):
        text = path.read_text(encoding="utf-8")
        if _BASE_PARAMS.search(text):
            first_line = _FIRST_LINE.match(text)
            summary = first_line[1].removesuffix('"""') if first_line else ""
            name = path.relative_to(_FOLDER).with_suffix("").as_posix()
            configs.append(ShippedConfig(name, path, summary))
    return configs


def find_config_file(path_or_name: str) -> str:
    """Return the path of a config file.

    Args:
        path_or_name: a file, which is taken as it is, or else the name of a shipped config:
            ``speech_commands/resnet50``, also with ``.py`` and after ``example_configs/``.

    Raises:
        UserError: it is neither; the message names the shipped configs with the closest names.
    """
    path = expand_home(path_or_name)
    if os.path.isfile(path):
        return path
    configs = {config.name: config.path for config in shipped_configs()}
    name = path_or_name.removeprefix("example_configs/").removesuffix(".py")
    if name in configs:
        logger.info("%s: the shipped config %s", path_or_name, configs[name])
        return str(configs[name])
    advice = "open-seq2seq --list_configs lists them"
    closest = _closest(name, list(configs))
    if closest:
        advice = f"did you mean {' or '.join(closest)}?"
    raise UserError(
        f"--config_file: {path_or_name}: no such file, and no shipped config of that name; {advice}"
    )


def _closest(name: str, known: list[str]) -> list[str]:
    """Return the closest first; by the last part alone, as the folder is often left out."""
    last_parts = [config.rpartition("/")[2] for config in known]
    close = difflib.get_close_matches(name.rpartition("/")[2], last_parts)
    return [
        config for part in dict.fromkeys(close) for config in known if config.endswith(f"/{part}")
    ]
