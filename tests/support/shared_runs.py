"""Runs that are trained once, by whichever of the test processes needs them first."""

import fcntl
import os
import shutil

import pytest


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return a function that returns this process's own copy of a folder: name, make.

    `make` fills the folder that it gets. All processes of a test run have one folder in common.
    """
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent

    def made(name, make):
        folder = common / f"shared-{name}"
        with open(common / f"shared-{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished = tmp_path_factory.mktemp(name)
                make(unfinished)
                unfinished.rename(folder)
        return shutil.copytree(folder, tmp_path_factory.mktemp(name), dirs_exist_ok=True)

    return made
