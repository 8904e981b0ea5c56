"""The curve of a run: where held-out records are placed on the way, and what is written down of each step."""
