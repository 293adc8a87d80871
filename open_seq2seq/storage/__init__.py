"""What a run reads and writes: checkpoints, logdir, log lines and metrics."""
