"""Texts on their way into a model: articles cut into sentences, names masked, words hashed, towers and their heads."""
