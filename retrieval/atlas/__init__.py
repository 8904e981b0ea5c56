"""The shared space looked at as a whole: what its directions, clusters, neighbours and gaps are, and how fine it is."""
