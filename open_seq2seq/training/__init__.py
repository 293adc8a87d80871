"""Training: the loop, one step, and all that a run changes while it trains."""
