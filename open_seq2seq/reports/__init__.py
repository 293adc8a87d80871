"""Reports of runs, drawn from what was recorded: they need neither the model nor the data."""
