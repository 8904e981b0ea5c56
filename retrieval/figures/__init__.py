"""How well held-out texts and tiles find their place, and each other: the figures of ``placebind evaluate`` next to its tasks."""
