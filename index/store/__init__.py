"""The tables that hold records and their vectors: written, counted, versioned, kept in order."""
