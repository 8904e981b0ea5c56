"""The Earth's names and shapes: towns, countries, continents and land, all from packaged data."""
