"""Answers for the whole Earth: cells, grids, colours and files."""
