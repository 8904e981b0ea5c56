"""What the space knows: downstream tasks, features, splits, probes and their results."""
