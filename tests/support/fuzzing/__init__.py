"""Fuzz tests: every input is handled correctly or refused with a message.

One module per kind of input. Its ``Fuzzer`` makes a random input, passes it to the toolkit and
checks the result; ``harness`` runs inputs of any kind and collects the failures.
"""
