"""Classes taught by example: labels at places, a classifier on frozen vectors, its maps, and how far it can be believed."""
