"""Networks for microcontrollers: small integers, a few frames at a time, the past in variables."""
