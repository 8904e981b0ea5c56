"""What is known of the Earth's names and shapes: towns, countries, continents, land, all from what packages carry."""
