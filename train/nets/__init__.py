"""Layers without data: perceptrons, SIREN, Fourier features, harmonics, points on the sphere."""
