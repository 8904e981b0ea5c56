"""How modalities are bound to the location encoder: one file each, with ``Options`` and ``build(**options)``."""
