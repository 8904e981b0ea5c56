"""Places named in a text: found, disambiguated, and turned into where the text may be about."""
