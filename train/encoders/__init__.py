"""Encoders of the three modalities."""
