"""For tools that ask for a setup.py; pyproject.toml says everything."""

from setuptools import setup

setup()
