#!/usr/bin/env bash
# Build Horovod for the TensorFlow that the given Python has.
#
#   scripts/install_horovod.sh [PYTHON]        default: python on PATH
#   HOROVOD_GPU_OPERATIONS=NCCL scripts/install_horovod.sh    on machines with NVIDIA GPUs and NCCL
#
# Horovod 0.28.1 is the last release; one of its sources, xla_mpi_ops.cc, includes XLA headers that
# TensorFlow moved in 2.14. The file is an optional feature (all-reduce inside XLA clusters), so it is
# taken out of the build and everything else compiles unchanged. It takes one and a half to four minutes on two cores.
#
# Exit status: 0 built or already there, 3 no C++ compiler (nothing is changed), others: the build failed.
set -euo pipefail

VERSION=0.28.1
PYTHON=$(command -v "${1:-python}") || { echo "install_horovod: no such Python: ${1:-python}" >&2; exit 2; }

works() { "$PYTHON" -c 'import horovod.tensorflow' >/dev/null 2>&1; }

if works; then
    echo "Horovod is installed already."
    exit 0
fi
if ! "$PYTHON" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("tensorflow") is None)'; then
    echo "install_horovod: install TensorFlow first: $PYTHON -m pip install '.[cpu]'" >&2
    exit 2
fi
if ! command -v "${CXX:-g++}" >/dev/null; then
    echo "install_horovod: no C++ compiler (${CXX:-g++}). Training in one process works without Horovod;" >&2
    echo "  for several, install g++ and run: scripts/install_horovod.sh $PYTHON" >&2
    exit 3
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# CMake 4 refuses the minimum version that Horovod's projects declare, so CMake 3 comes from PyPI.
# setuptools 81 dropped pkg_resources, which Horovod's setup.py imports.
"$PYTHON" -m pip install --quiet 'cmake>=3.25,<4' 'setuptools>=68,<81' wheel packaging cloudpickle psutil pyyaml
"$PYTHON" -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
    --dest "$work" "horovod==$VERSION"
tar -xzf "$work/horovod-$VERSION.tar.gz" -C "$work"
sed -i.orig '/xla_mpi_ops\.cc/d' "$work/horovod-$VERSION/horovod/tensorflow/CMakeLists.txt"
# debug symbols would take a quarter of the compiler's time
sed -i.orig 's/RelWithDebInfo/Release/' "$work/horovod-$VERSION/setup.py"

# TensorFlow's compiler flags name its folder, and Horovod's CMake files split them at spaces: build through a link
# to the environment whose path has none, then install the wheel where it belongs.
ENVIRONMENT=$("$PYTHON" -c 'import sys; print(sys.prefix)')
ln -s "$ENVIRONMENT" "$work/environment"
BUILD_PYTHON="$work/environment/bin/$(basename "$PYTHON")"

echo "Building Horovod $VERSION (one and a half to four minutes on two cores) ..."
if ! PATH="$work/environment/bin:$PATH" \
    HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 \
    HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
    MAKEFLAGS="-j$(getconf _NPROCESSORS_ONLN)" \
    "$BUILD_PYTHON" -m pip wheel --no-build-isolation --no-deps --no-cache-dir \
    --wheel-dir "$work" "$work/horovod-$VERSION" >"$work/build.log" 2>&1; then
    grep -iE 'error' "$work/build.log" | head -n 20 >&2
    tail -n 10 "$work/build.log" >&2
    echo "install_horovod: the build failed; its errors and last lines are above." >&2
    exit 1
fi
"$PYTHON" -m pip install --quiet --no-deps "$work"/horovod-*.whl
works || { echo "install_horovod: Horovod was built but does not import:" >&2
           "$PYTHON" -c 'import horovod.tensorflow' >&2; exit 1; }
echo "Horovod $VERSION is installed."
