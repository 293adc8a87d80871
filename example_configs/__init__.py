"""Configs to start from; they can import each other."""
