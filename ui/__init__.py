"""What a person touches: the command line (and, from part 5, the map and the HTTP API)."""
