"""The catalogue: what a place, article or tile is, where records come from, the Lance tables that hold them. No torch here."""
