"""Reading Wikipedia: its API, its dumps, its markup. The sources of that name build on this."""
