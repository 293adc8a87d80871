"""Configs that import modules beside them."""

import os
import sys
from pathlib import Path

import pytest

from open_seq2seq.config import load_config
from open_seq2seq.errors import UserError
from tests.support.paths import TINY


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a config, which begins with ``first`` and ends with ``last``,
    and modules beside it.
    """

    def write(folder, first, last="", **modules):
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        for name, code in modules.items():
            (path / f"{name}.py").write_text(code)
        (path / "config.py").write_text(f"{first}\n{TINY.read_text()}\n{last}\n")
        return str(path / "config.py")

    return write


def refused(path):
    before = list(sys.path)
    with pytest.raises(UserError) as caught:
        load_config(path, "train", {})
    assert sys.path == before
    return str(caught.value)


USES = "from my_parts import LOGDIR", "base_params['logdir'] = LOGDIR"


def test_each_config_gets_the_module_beside_it(write, monkeypatch, tmp_path):
    paths = [write(name, *USES, my_parts=f"LOGDIR = '{name}'") for name in "ab"]
    before = list(sys.path)
    for path in (*paths, paths[0]):
        logdir = load_config(path, "train", {}).params.logdir
        assert logdir == Path(path).parent.name
        assert sys.path == before
    monkeypatch.chdir(tmp_path / "a")
    assert load_config("config.py", "train", {}).params.logdir == "a"


def test_modules_beside_a_config_import_each_other(write, tmp_path):
    path = write("a", *USES, my_parts="from names import LOGDIR", names="LOGDIR = 'x'")
    assert load_config(path, "train", {}).params.logdir == "x"
    write("a", *USES, names="LOGDIR = 'changed since'")
    assert load_config(path, "train", {}).params.logdir == "changed since"


def test_a_package_beside_a_config(write, tmp_path):
    path = write("a", "from parts.names import LOGDIR", USES[1])
    (tmp_path / "a" / "parts").mkdir()
    for name, logdir in (("names", "x"), ("others", "y")):
        (tmp_path / "a" / "parts" / f"{name}.py").write_text(f"LOGDIR = {logdir!r}")
    assert load_config(path, "train", {}).params.logdir == "x"
    other = write("b", "from parts.others import LOGDIR", USES[1])
    assert "No module named 'parts'" in refused(other)


def test_functions_can_import_again_what_the_config_has_imported(write):
    first = (
        "import my_parts\ndef policy(global_step):\n    from my_parts import RATE\n    return RATE"
    )
    last = "base_params |= {'lr_policy': policy, 'lr_policy_params': {}}"
    path = write("a", first, last, my_parts="RATE = 0.25")
    assert load_config(path, "train", {}).lr_policy(global_step=0) == 0.25


def test_the_packages_own_modules_stay_when_a_config_lies_beside_them(write, tmp_path):
    before = {name: module for name, module in sys.modules.items() if "open_seq2seq" in name}
    (tmp_path / "a").mkdir()
    os.symlink(Path(__file__).parents[2] / "open_seq2seq", tmp_path / "a" / "open_seq2seq")
    path = write("a", "", "")
    for _ in range(2):
        load_config(path, "train", {})
    assert {name: sys.modules.get(name) for name in before} == before


def test_a_missing_module_is_named_with_the_places_where_it_was_looked_for(write, tmp_path):
    path = write("a", "\nimport my_partz", my_parts="")
    assert refused(path) == (
        f"{path}, line 2: ModuleNotFoundError: No module named 'my_partz', neither beside the "
        f"config, in {tmp_path / 'a'}, nor among the installed packages, did you mean 'my_parts'?"
    )


def test_a_mistake_in_a_module_beside_the_config_is_named_with_its_line(write, tmp_path):
    beside = tmp_path / "a" / "my_parts.py"
    path = write("a", "import my_parts", my_parts="\n1 / 0")
    assert refused(path) == (
        f"{path}, line 1 (line 2 of {beside}): ZeroDivisionError: division by zero"
    )
    write("a", "import my_parts", my_parts="import nothing_like_this")
    assert f"line 1 (line 1 of {beside}): ModuleNotFoundError: No module named" in refused(path)
    write("a", "import my_parts", my_parts="x = = 1")
    assert f"line 1 of {beside}: invalid syntax: x = = 1" in refused(path)
