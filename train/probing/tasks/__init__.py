"""Downstream tasks: one file each, points on Earth with a label, with ``Options`` and ``build(**options)``."""
