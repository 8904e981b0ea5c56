"""Tiles on their way into a model: bands, normalisation, hidden bands, towers and what of them is tuned."""
