"""The named places of a catalogue as an index of names: those that an ingest of GeoNames' dump brought, with all their names.

Made from the table when first asked for, beside it, and again when its rows have changed; a million places take some two minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from index.places.name_index import Entry, NameIndex
from index.places.world_names import is_name, town_radius_km
from index.store.catalogue import Catalogue
from index.store.derived import derived_folders, sweep, writable_folder

NAMED = "region != '' OR other_names != ''"  # of the locations: those whose names are looked up in texts
COLUMNS = ("title", "lat", "lon", "kind", "country", "region", "people", "other_names")
FAME = 400  # a river or mountain counts as a town of so many people times the square of the number of its names
RADIUS_KM = {"country": 500.0, "region": 120.0, "county": 40.0, "continent": 3_000.0}
OTHER_KM = 15.0
_PREFIX = "names-"


def names_of(catalogue: Catalogue) -> NameIndex | None:
    """None where the catalogue brought no names of its own."""
    if not catalogue.has("locations"):
        return None
    dataset = catalogue.dataset("locations")
    if "other_names" not in dataset.schema.names or not dataset.count_rows(filter=NAMED):
        return None
    name = _PREFIX + _digest(dataset)
    folders = derived_folders(catalogue.uri, "names")
    known = next((folder / name for folder in folders if (folder / name).is_dir()), None)
    if known is None:
        folder = writable_folder(folders)
        sweep(folder, keep=lambda other: False)  # those of earlier rows
        NameIndex.build(folder / name, _entries(dataset))
        known = folder / name
    return NameIndex.open(known)


def _entries(dataset: Any) -> Iterator[Entry]:
    for batch in dataset.to_batches(columns=list(COLUMNS), filter=NAMED):
        for row in batch.to_pylist():
            others = [name for name in row["other_names"].split(",") if is_name(name)]
            people, kind = int(row["people"] or 0), row["kind"]
            if kind not in ("town", *RADIUS_KM):
                people = people or FAME * (1 + len(others)) ** 2
            yield Entry(
                name=row["title"], lat=row["lat"], lon=row["lon"], kind=kind, others=others, people=people,
                country=row["region"][:2], region=row["region"],
                radius_km=town_radius_km(people) if kind == "town" else RADIUS_KM.get(kind, OTHER_KM),
            )  # fmt: skip


def _digest(dataset: Any) -> str:
    """Of the data files of the table: other rows, other name."""
    files = sorted(str(file.path) for fragment in dataset.get_fragments() for file in fragment.data_files())
    return hashlib.blake2b("|".join(files).encode(), digest_size=8).hexdigest()
