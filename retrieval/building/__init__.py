"""Filling an index with vectors, here or on a cluster; checking and exporting it."""
