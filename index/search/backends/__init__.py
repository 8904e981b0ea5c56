"""Vector search over embeddings: one file each, with ``Options`` and ``build(**options)``."""
