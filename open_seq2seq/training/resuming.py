"""Where a run goes on: its step, and its place in the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from open_seq2seq.data.sampler import Place, Sampler
from open_seq2seq.training.schedule import Schedule


def describe(place: Place, sampler: Sampler) -> dict[str, Any]:
    """Return what a checkpoint keeps of a run's place in the data."""
    return {
        "epoch": epochs_done(place, sampler),
        "place": list(place),
        "n_rows": sampler.n_rows,
        "rows_per_step": sampler.rows_per_step,
        "n_processes": sampler.size,
    }


def epochs_done(place: Place, sampler: Sampler) -> float:
    """Return the number of epochs that lie behind a place."""
    return place.epoch + place.row / sampler.n_rows


def place_of(state: dict[str, Any], sampler: Sampler) -> Place:
    """Return the place in the data of a checkpoint's state."""
    if "place" in state:
        return Place(*state["place"])
    epoch, steps = divmod(state["step"], state["steps_per_epoch"])  # checkpoints of 0.1.0
    return Place(epoch, steps * sampler.rows_per_step)


def take_up(
    state: dict[str, Any],
    sampler: Sampler,
    schedule: Schedule,
    n_epochs: int | None,
    report: Callable[[str], None],
) -> tuple[int, Place]:
    """Return the step and the place in the data of a checkpoint.

    Where a step is of another size now, with another number of processes perhaps, the place stays,
    and the steps of a
    run of epochs are counted anew from its end: learning rate and length go on as if the run had
        always been like this.

    Args:
        state: of the checkpoint.
        sampler: of the run that goes on.
        schedule: of the run that goes on.
        n_epochs: length of that run, None for one that is as many steps long.
        report: is told of what is not as it was.
    """
    step, place = state["step"], place_of(state, sampler)
    if "place" not in state:  # nothing says of what size its steps were
        return step, place
    if state["n_rows"] != sampler.n_rows:
        place = Place(place.epoch, min(place.row, sampler.n_rows - 1))
        report(
            f"the data had {state['n_rows']} rows and has {sampler.n_rows} now: in this epoch some clips may be seen "
            "twice or not at all"
        )
    if (state["n_rows"], state["rows_per_step"]) != (sampler.n_rows, sampler.rows_per_step):
        if n_epochs is not None:
            step = max(0, schedule.total - sampler.steps_left(place, n_epochs))
        report(
            f"a step was {state['rows_per_step']} clips and is {sampler.rows_per_step} now: the run goes on at the "
            f"same place in the data, which is step {step} now, and its sums round differently"
        )
    elif state.get("n_processes", sampler.size) != sampler.size:
        report(
            f"the run had {_processes(state['n_processes'])} and has {_processes(sampler.size)} now: it goes on at the "
            "same place in the data, and its sums round differently"
        )
    return step, place


def _processes(n: int) -> str:
    return f"{n} processes" if n > 1 else "one process"
