"""From a query's vectors to ranked rows: plans, meaning, position, full text, diversity, explanations."""
