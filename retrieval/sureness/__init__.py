"""How sure an answer is, and how that is fitted."""
