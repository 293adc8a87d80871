"""The energy that this machine's processors and NVIDIA GPUs use, where their counters can be read.

Linux counts the energy of processor packages in /sys/class/powercap, which often root alone may
read; NVIDIA's driver counts that of its GPUs. Other work on the machine counts too.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

_POWERCAP = Path("/sys/class/powercap")


class Counter(NamedTuple):
    """A counter of joules, which begins again at 0 after `span`."""

    read: Callable[[], float]
    span: float


class EnergyMeter:
    """Adds up what all counters of the machine count.

    Args:
        counters: to use in place of the machine's.
    """

    def __init__(self, counters: Sequence[Counter] | None = None) -> None:
        found = [*processors(), *_gpus()] if counters is None else counters
        self._counters = [(counter, counter.read()) for counter in found]

    def lap(self) -> float | None:
        """Return the joules since the last call, or since the meter was made; None: not known.

        A counter must not come to its end twice between two calls, which takes minutes at least.
        """
        if not self._counters:
            return None
        now = []
        joules = 0.0
        for counter, before in self._counters:
            with contextlib.suppress(OSError, ValueError):  # one that is gone counts no more
                after = counter.read()
                joules += (after - before) % counter.span
                now.append((counter, after))
        self._counters = now
        return joules


def processors(powercap: Path = _POWERCAP) -> list[Counter]:
    """Return the counters of the processor packages that can be read."""
    counters = []
    # a package's parts have two colons in their names, and psys counts packages again
    for folder in sorted(powercap.glob("intel-rapl:*")):
        with contextlib.suppress(OSError, ValueError):
            name = (folder / "name").read_text()
            if folder.name.count(":") == 1 and name.startswith("package"):
                span = _joules(folder / "max_energy_range_uj")
                counter = Counter(partial(_joules, folder / "energy_uj"), span)
                counter.read()
                counters.append(counter)
    return counters


def _joules(path: Path) -> float:
    return int(path.read_text()) / 1e6


def _gpus() -> list[Counter]:
    """Return the counters of NVIDIA's GPUs."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    n_gpus = ctypes.c_uint()
    if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(n_gpus)):
        return []
    counters = []
    for index in range(n_gpus.value):
        gpu = ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(gpu)):
            continue
        counter = Counter(partial(_gpu_joules, library, gpu), 2.0**64 / 1e3)
        with contextlib.suppress(OSError):  # GPUs before Volta have none
            counter.read()
            counters.append(counter)
    return counters


def _gpu_joules(library: ctypes.CDLL, gpu: ctypes.c_void_p) -> float:
    millijoules = ctypes.c_ulonglong()
    status = library.nvmlDeviceGetTotalEnergyConsumption(gpu, ctypes.byref(millijoules))
    if status:
        raise OSError(f"NVML: status {status}")
    return millijoules.value / 1e3
