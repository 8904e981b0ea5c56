"""Everything that learns: encoders, architectures, objectives, data from the catalogue, the loop, checkpoints, evaluation."""
