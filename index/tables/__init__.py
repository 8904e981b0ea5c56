"""The border for foreign tables: what a file is, which of its columns hold what, and what one row of it says."""
