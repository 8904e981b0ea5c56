"""The page: panels, map, hits, and the question that they share."""
