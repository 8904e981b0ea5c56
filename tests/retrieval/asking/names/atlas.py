"""A gazetteer of two invented countries, small enough to know by heart.

Norland (NO), with the regions Overmark (NO-U) and Undermark (NO-L); Sudland (SU). Each has a Springfield; the Riverton in Overmark
has a large twin in Sudland. Bath is a town and a word; Norland's capital is Nordstadt, Нордград in another script.
"""

from pathlib import Path

from index.places.name_index import Entry, NameIndex


def town(name: str, lat: float, lon: float, people: int, country: str, region: str = "", others: tuple[str, ...] = ()) -> Entry:
    return Entry(name=name, lat=lat, lon=lon, kind="town", people=people, country=country, region=region, others=others)


ENTRIES = [
    Entry(name="Norland", lat=60, lon=10, kind="country", people=5_000_000, country="NO", radius_km=400, others=("Nordland",)),
    Entry(name="Sudland", lat=-30, lon=20, kind="country", people=50_000_000, country="SU", radius_km=900),
    Entry(name="Overmark", lat=62, lon=10, kind="region", people=2_000_000, country="NO", region="NO-U", radius_km=150),
    Entry(name="Undermark", lat=58, lon=10, kind="region", people=3_000_000, country="NO", region="NO-L", radius_km=150),
    town("Nordstadt", 60.0, 10.0, 800_000, "NO", "NO-L", ("Нордград", "北城市")),
    town("Springfield", 62.0, 10.5, 20_000, "NO", "NO-U"),
    town("Springfield", 58.0, 10.5, 40_000, "NO", "NO-L"),
    town("Springfield", -30.0, 20.0, 300_000, "SU"),
    town("Riverton", 62.3, 10.9, 30_000, "NO", "NO-U"),
    town("Riverton", -31.0, 21.0, 2_000_000, "SU"),
    town("Bath", 58.3, 10.2, 90_000, "NO", "NO-L"),
    town("Ganga", 58.4, 9.9, 60_000, "NO", "NO-L"),
    town("Saint-Malo", 58.6, 9.5, 50_000, "NO", "NO-L"),
]  # fmt: skip


def gazetteer(folder: Path) -> NameIndex:
    NameIndex.build(folder / "names", ENTRIES)
    return NameIndex.open(folder / "names")
