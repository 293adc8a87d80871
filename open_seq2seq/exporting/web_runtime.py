"""ONNX Runtime's WebAssembly build: from a package of npm that is here, or through npm."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.errors import UserError, cut

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
# of the archive that npm fetches, whatever registry it comes from
_SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
_INSTALLED = Path("node_modules", PACKAGE)
_LIMIT_S = 600
# what runs a model on the CPU; .js because not every server knows what .mjs is
_FILES = {
    "dist/ort.wasm.min.mjs": "ort.wasm.min.js",
    "dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.js",
    "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
_NOTICES = ("LICENSE", "ThirdPartyNotices.txt")


class WebRuntime(NamedTuple):
    """The files of a page's runtime."""

    version: str
    files: dict[str, bytes]  # by their names in the page's folder


def find(folder: str | None, download: bool) -> WebRuntime:
    """Return the runtime.

    Args:
        folder: npm's package, if the user names one.
        download: whether npm may fetch it, where no folder is named.

    Raises:
        UserError: it is not here, is another package, or cannot be fetched.
    """
    if folder is not None:
        return _of_folder(Path(folder))
    if download:
        return _fetched()
    if _INSTALLED.is_dir():
        return _of_folder(_INSTALLED)
    raise UserError(
        f"export_format: web needs npm's package {PACKAGE}, and {_INSTALLED} is not here; fetch it "
        f"through npm with --download, or name its folder with --web_runtime"
    )


def _of_folder(folder: Path) -> WebRuntime:
    def read(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    try:
        return _taken(read, f"web_runtime: {folder}")
    except OSError as error:
        raise UserError(f"web_runtime: cannot read {folder} ({error.strerror or error})") from None


def _fetched() -> WebRuntime:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            "--download: needs npm, which is not here; install Node.js, or name the folder of "
            f"{PACKAGE} with --web_runtime"
        )
    with tempfile.TemporaryDirectory() as folder:
        # what npm has fetched before it does not fetch again
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--loglevel=error"]
        try:
            done = subprocess.run(
                [*command, "--prefer-offline", "--ignore-scripts", f"--pack-destination={folder}"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"--download: npm has not fetched {PACKAGE} in {_LIMIT_S} s; try again later"
            ) from None
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            reason = lines[0].removeprefix("npm error ")
            raise UserError(
                f"--download: npm cannot fetch {PACKAGE} {VERSION}: {cut(reason)}; try "
                f"`npm pack {PACKAGE}@{VERSION}` by itself"
            )
        content = archives[0].read_bytes()
        if hashlib.sha512(content).hexdigest() != _SHA512:
            raise UserError(
                f"--download: {PACKAGE} {VERSION} from npm has another SHA-512 than expected, "
                f"{_SHA512[:16]}…; it is not used. Is npm's registry the one that you mean?"
            )
        with tarfile.open(archives[0]) as archive:
            members = {member.name: member for member in archive if member.isfile()}

            def read(name: str) -> bytes | None:
                member = members.get(f"package/{name}")
                file = archive.extractfile(member) if member is not None else None
                return file.read() if file is not None else None

            return _taken(read, f"--download: {PACKAGE} {VERSION}")


def _taken(read: Callable[[str], bytes | None], name: str) -> WebRuntime:
    """Return what is needed of a package.

    Args:
        read: returns a file's content, None where it is missing.
        name: of the package, for errors.
    """
    try:
        package = json.loads(read("package.json") or b"{}")
        if package["name"] != PACKAGE:
            raise KeyError
        version = str(package["version"])
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{name} is not npm's package {PACKAGE}; name the folder that holds its package.json, "
            f"such as {_INSTALLED}"
        ) from None
    files = {new: read(old) for old, new in _FILES.items()}
    missing = [old for old, new in _FILES.items() if not files[new]]
    if missing:
        raise UserError(f"{name} ({version}) has no {missing[0]}; use version {VERSION}")
    files |= {notice: read(notice) or _of_python(notice) for notice in _NOTICES}
    return WebRuntime(version, {name: content for name, content in files.items() if content})


def _of_python(notice: str) -> bytes | None:
    """Return a licence of the Python package, which is of the same project; npm's has none."""
    spec = find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(os.fspath(folder), notice)
        if path.is_file():
            return path.read_bytes()
    return None
