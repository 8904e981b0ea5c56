"""The shared space as a whole: its directions, clusters, neighbours and gaps, and its resolution."""
