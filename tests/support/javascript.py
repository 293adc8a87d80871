"""JavaScript of exported pages, run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.support.paths import ROOT

PAGE = ROOT / "open_seq2seq" / "exporting" / "web_page"


def run(imports: str, expression: str, data: Any) -> Any:
    """Return what an expression gives.

    Args:
        imports: names and module, such as "Windows from windows.js".
        expression: in which ``data`` is the data.
        data: of JSON's types.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    names, _, module = imports.partition(" from ")
    code = (
        f'import {{ {names} }} from "{(PAGE / module).as_uri()}";\n'
        'import { readFileSync } from "node:fs";\n'
        "const data = JSON.parse(readFileSync(0));\n"
        "const numbers = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);\n"
        f"console.log(JSON.stringify(await (async () => {{ {expression} }})(), numbers));\n"
    )
    done = subprocess.run(
        [node, "--input-type=module", "--eval", code],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
