"""Text encoders: one file each, with ``Options`` and ``build(**options)``."""
