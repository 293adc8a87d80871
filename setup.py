"""Package metadata; `make test` and `make demo` install it into .venv."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "open_seq2seq" / "__init__.py").read_text()
).group(1)

# tensorflow-cpu exists for x86-64 Linux and Windows; elsewhere the plain wheel is the CPU build
HAS_CPU_WHEEL = "platform_machine in 'x86_64 AMD64' and sys_platform != 'darwin'"

setup(
    name="open-seq2seq-speech-commands",
    version=VERSION,
    description="Configuration-driven training of speech-command (keyword-spotting) models",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(
        include=["open_seq2seq", "open_seq2seq.*", "example_configs", "example_configs.*"]
    ),
    package_data={"open_seq2seq.pretrained": ["pretrained_models.json"]},
    install_requires=[
        "espeakng-loader>=0.2.4,<0.3",
        "keras>=3.10,<4",
        "lazy_loader>=0.4,<1",
        "librosa>=0.11,<0.12",
        "numpy>=2.0,<3",
        "pandas>=2.2,<4",
        "pydantic>=2.10,<3",
        "PyYAML>=6,<7",
        "rich>=13.9,<16",
        "soundfile>=0.12,<0.15",
        "soxr>=0.5,<2",
        "tensorboard>=2.20,<2.22",
    ],
    extras_require={
        "cpu": [
            f"tensorflow-cpu>=2.21,<2.22; {HAS_CPU_WHEEL}",
            "tensorflow>=2.21,<2.22; platform_machine not in 'x86_64 AMD64' or sys_platform == 'darwin'",
        ],
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "test": [
            "hypothesis>=6.100,<7",
            "mypy>=1.15,<3",
            "pandas-stubs>=2.2",
            "pytest>=8,<10",
            "pytest-xdist>=3.6,<4",
            "ruff>=0.14,<0.18",
        ],
    },
)
