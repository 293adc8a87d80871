"""Training with this toolkit beside a plain PyTorch loop of the same network and front end.

    pip install '.[peers]'
    python benchmarks/peers.py [--networks bcresnet-1 matchboxnet3x1x64] [--turns 5] [--seconds 20]

Each of the two has a process of its own, which stays loaded; they take turns, so that other load on
the machine affects both. Printed are the medians and ranges of clips/s end to end (from clips in
memory to updated weights), the ratio of each pair of turns, and the peak memory of each process.
"""

import argparse
import importlib.util
import multiprocessing
import multiprocessing.connection
import resource
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_CONFIGS = Path(__file__).resolve().parent.parent / "example_configs" / "speech_commands"


class _Network(NamedTuple):
    config_file: str
    batch_size: int
    overrides: tuple[tuple[str, object], ...] = ()


NETWORKS = {
    "bcresnet-1": _Network("bcresnet.py", 100),
    "bcresnet-3": _Network(
        "bcresnet.py",
        100,
        (
            ("encoder_params/scale", 3),
            ("data_layer_params/time_masks", 2),
            ("data_layer_params/freq_masks", 2),
            ("data_layer_params/freq_mask_width", 5),
        ),
    ),
    "matchboxnet3x1x64": _Network("matchboxnet3x1x64.py", 128),
    "resnet50": _Network("resnet50.py", 32),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each turn, roughly")
    args = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is not installed; install the extra: pip install '.[peers]'")
    for name in args.networks:
        _compare(name, args.turns, args.seconds)


def _compare(name: str, n_turns: int, seconds: float) -> None:
    sides = {"this toolkit": _Side(_train_ours, name), "PyTorch": _Side(_train_theirs, name)}
    n_parameters = [side.n_parameters for side in sides.values()]
    if n_parameters[0] != n_parameters[1]:
        sys.exit(f"{name}: the networks differ, they have {n_parameters} parameters")
    batch_size = NETWORKS[name].batch_size
    n_steps = {label: max(2, round(seconds / side.turn(2))) for label, side in sides.items()}
    rates: dict[str, list[float]] = {label: [] for label in sides}
    for _ in range(n_turns):
        for label, side in sides.items():
            rates[label].append(batch_size / side.turn(n_steps[label]))
    print(f"{name}, batch {batch_size}, {n_parameters[0]:,} parameters")
    for label, side in sides.items():
        print(
            f"  {label:12} {_range(rates[label], '.3g')} clips/s, {side.close():.0f} MB", flush=True
        )
    ours, theirs = rates.values()
    print(f"  ratio        {_range([a / b for a, b in zip(ours, theirs, strict=True)], '.2f')}")


def _range(values: list[float], form: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


class _Side:
    """A process that trains when it is told to."""

    def __init__(self, train, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=train, args=(theirs, name))
        self._process.start()
        self.n_parameters: int = self._connection.recv()

    def turn(self, n_steps: int) -> float:
        """Return the seconds of a step."""
        self._connection.send(n_steps)
        return self._connection.recv()

    def close(self) -> float:
        """Return the peak memory in MB."""
        self._connection.send(None)
        peak = self._connection.recv()
        self._process.join()
        return peak


def _train_ours(connection: multiprocessing.connection.Connection, name: str) -> None:
    from training import Training

    network = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            str(_CONFIGS / network.config_file),
            network.batch_size,
            Path(folder),
            overrides=dict(network.overrides),
        )
        _serve(connection, training)


def _train_theirs(connection: multiprocessing.connection.Connection, name: str) -> None:
    from torch_training import RECIPES, PlainTraining

    _serve(connection, PlainTraining(RECIPES[name], NETWORKS[name].batch_size))


def _serve(connection: multiprocessing.connection.Connection, training) -> None:
    connection.send(training.n_parameters)
    while (n_steps := connection.recv()) is not None:
        connection.send(training.turn(n_steps))
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
