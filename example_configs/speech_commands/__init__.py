"""Speech Commands: one config per recipe."""
