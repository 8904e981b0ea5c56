"""Features of places to be probed: one file each, a function of (lat, lon), with ``Options`` and ``build(**options)``."""
