"""What a detector does over hours: tracks, false accepts, thresholds."""
