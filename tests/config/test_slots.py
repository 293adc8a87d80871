"""Slots: one row of a table for each part that a config names."""

import functools

import pytest
from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.config import Config, load_config
from open_seq2seq.config.reference import reference, slot_section
from open_seq2seq.config.run_params import RunParams
from open_seq2seq.config.slots import SLOTS, ClassSlot, FunctionSlot
from open_seq2seq.errors import UserError
from open_seq2seq.optimizers.loss_scaling import ConstantScale
from tests.support.paths import TINY

EVERY_SLOT = pytest.mark.parametrize("key", SLOTS)
# where the default is nothing that has parameters
NAMED = {
    "loss_scaling": {"loss_scaling": "Backoff"},
    "regularizer": {"regularizer": "l2_regularizer", "regularizer_params/scale": 0.1},
    "initializer": {"initializer": "xavier_initializer"},
}


class Delay(Params):
    """Echoes of a clip."""

    seconds: float = Field(gt=0, description="Delay in seconds.")


def echo(clip: int, gain: float, n_echoes: int, width: int = 3) -> float:
    """Repeat a clip."""
    return clip * gain * n_echoes * width


DELAY = ClassSlot("delay", {"Delay": Delay}, note="A note.", retired={"ms": "give seconds"})
ECHO = FunctionSlot(
    "echo", {"echo": echo}, call_arguments=("clip",), run_arguments=("n_echoes",), note="A note."
)


def test_every_key_with_parameters_of_its_own_is_a_slot():
    keys = set(RunParams.model_fields)
    assert {key for key in keys if f"{key}_params" in keys} == set(SLOTS)


@EVERY_SLOT
def test_the_parameters_of_every_slot_are_checked(key):
    overrides = {f"{key}_params/no_such_thing": 1, **NAMED.get(key, {})}
    with pytest.raises(UserError, match=f"{key}_params: unknown parameter 'no_such_thing'"):
        load_config(str(TINY), "train", overrides)


@EVERY_SLOT
def test_the_part_of_every_slot_is_built(key):
    config = load_config(str(TINY), "train", NAMED.get(key, {}))
    part = config.data_layers["train"] if key == "data_layer" else getattr(config, key)
    options = tuple(SLOTS[key].options.values())
    if isinstance(SLOTS[key], ClassSlot):
        # the encoder of this config is of its own; all others are of the table
        assert isinstance(part, Params) and (key == "encoder" or isinstance(part, options))
    else:
        assert part.func in options


def test_a_config_has_nothing_but_its_file_parameters_model_and_slots():
    keys = {f"{key}s" if slot.per_section else key for key, slot in SLOTS.items()}
    assert set(Config._fields) == {"file", "params", "model"} | keys


@EVERY_SLOT
def test_every_slot_is_a_section_of_the_reference(key):
    section = reference().split(f"## `{key}` and `{key}_params`\n")[1].split("\n## ")[0]
    for name in SLOTS[key].options:
        assert f"### {name}\n" in section


def test_a_row_of_a_class_checks_builds_and_describes():
    assert DELAY.find_problems("Delay", {"second": 1.0}) == [
        "delay_params: missing required parameter 'seconds'",
        "delay_params: unknown parameter 'second', did you mean 'seconds'?",
    ]
    assert DELAY.find_problems(Delay, {"seconds": 1.0, "ms": 5}) == [
        "delay_params: 'ms' is not supported: give seconds"
    ]
    assert DELAY.build("Delay", {"seconds": 0.5}) == Delay(seconds=0.5)
    assert DELAY.build(Delay, {"seconds": 0.5}) == Delay(seconds=0.5)
    assert "\n".join(slot_section(DELAY)) == (
        "## `delay` and `delay_params`\n\nA note.\n\n### Delay\n\nEchoes of a clip.\n\n"
        "| name | type | default | meaning |\n| --- | --- | --- | --- |\n"
        "| `seconds` | float, > 0 | *required* | Delay in seconds. |\n"
    )


def test_a_row_of_a_function_checks_builds_and_describes():
    assert ECHO.find_problems("echo", {"gian": 1.0, "width": "x"}) == [
        "echo_params: unknown parameter 'gian', did you mean 'gain'?",
        "echo_params: missing required parameter 'gain'",
        "echo_params/width: expected int, got 'x'",
    ]
    assert ECHO.find_problems(echo, {"gain": 0.5}) == []
    for named in ("echo", echo):
        part = ECHO.build(named, {"gain": 0.5})
        assert isinstance(part, functools.partial) and part(2, n_echoes=3) == 2 * 0.5 * 3 * 3
    assert ECHO.build(None, {}) is None
    assert "\n".join(slot_section(ECHO)) == (
        "## `echo` and `echo_params`\n\nA note.\n\n### echo\n\n"
        "`echo(gain: float, n_echoes: int, width: int = 3)`\n\nRepeat a clip.\n"
    )


@pytest.mark.parametrize("slot", [DELAY, ECHO], ids=lambda slot: slot.key)
def test_a_name_that_is_none_of_the_options_is_refused_once(slot):
    with pytest.raises(ValueError, match=r"^expected one of '(Delay|echo)', got 'x'$"):
        slot.check_name("x")
    assert slot.find_problems("x", {"y": 1}) == []
    for value in (None, 5, Delay, echo):
        slot.check_name(value)


def test_a_number_is_a_constant_loss_scale():
    assert SLOTS["loss_scaling"].build(8.0, {}) == ConstantScale(scale=8.0)
