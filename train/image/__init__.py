"""Tiles on their way into a model: bands, normalisation, hidden bands, towers and which of their weights are tuned."""
