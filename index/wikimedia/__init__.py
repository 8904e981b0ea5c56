"""What is read of Wikipedia: its API, its dumps, its markup. The sources of that name stand on this."""
