"""Bad data by the thousand: every input is used rightly, or refused in words.

One module per kind of input. Its ``Fuzzer`` makes an input from random numbers, gives it to the
toolkit and checks what comes back; ``harness`` runs any of them and says which failed.
"""
