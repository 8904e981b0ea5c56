"""The named places of a catalogue as an index of names: those that an ingest of GeoNames' dump brought, with all their names.

Made from the table when first asked for, beside it, and again when its rows have changed; a million places take some two minutes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from index.errors import CatalogueError
from index.files import made_whole
from index.places.fame import of_names
from index.places.name_index import FORMAT, Entry, NameIndex
from index.places.world_names import is_name, town_radius_km
from index.store.catalogue import Catalogue
from index.store.derived import derived_folders, sweep, writable_folder

NAMED = "region != '' OR other_names != ''"  # of the locations: those whose names are looked up in texts
COLUMNS = ("title", "lat", "lon", "kind", "country", "region", "people", "other_names")
RADIUS_KM = {"country": 500.0, "region": 120.0, "county": 40.0, "continent": 3_000.0}
OTHER_KM = 15.0
_PREFIX, _NOTE = f"names-{FORMAT}-", "current.json"


def names_of(catalogue: Catalogue) -> NameIndex | None:
    """None where the catalogue brought no names of its own."""
    if not catalogue.has("locations"):
        return None
    state, folders = catalogue.state("locations"), derived_folders(catalogue.uri, "names")
    noted = _noted(folders, state) if state else None
    if noted is None:
        noted = str(_made(catalogue, folders) or "")
        if state:
            with (
                suppress(CatalogueError),
                made_whole(writable_folder(folders) / _NOTE) as partial,
            ):  # without a note it takes longer
                partial.write_text(json.dumps({"state": state, "folder": noted}))
    return NameIndex.open(Path(noted)) if noted else None


def _noted(folders: list[Path], state: str) -> str | None:
    """The folder of the names as the last process found it, '' if there were no names; None if that is not known any more."""
    for folder in folders:
        with suppress(OSError, ValueError, KeyError, TypeError):  # none there, or a damaged one
            said = json.loads((folder / _NOTE).read_text())
            if said["state"] == state and (not said["folder"] or Path(said["folder"]).is_dir()):
                return str(said["folder"])
    return None


def _made(catalogue: Catalogue, folders: list[Path]) -> Path | None:
    """The folder of the names; None if there are none."""
    dataset = catalogue.dataset("locations")
    if "other_names" not in dataset.schema.names or not dataset.count_rows(filter=NAMED):
        return None
    name = _PREFIX + _digest(dataset)
    known = next((folder / name for folder in folders if (folder / name).is_dir()), None)
    if known is None:
        folder = writable_folder(folders)
        sweep(folder, keep=lambda other: False)  # those of earlier rows
        NameIndex.build(folder / name, _entries(dataset))
        known = folder / name
    return known


def _entries(dataset: Any) -> Iterator[Entry]:
    for batch in dataset.to_batches(columns=list(COLUMNS), filter=NAMED):
        for row in batch.to_pylist():
            others = [name for name in row["other_names"].split(",") if is_name(name)]
            people, kind = int(row["people"] or 0), row["kind"]
            yield Entry(
                name=row["title"], lat=row["lat"], lon=row["lon"], kind=kind, others=others, people=people,
                country=row["region"][:2], region=row["region"],
                fame=people if people or kind in ("town", *RADIUS_KM) else of_names(len(others)),
                radius_km=town_radius_km(people) if kind == "town" else RADIUS_KM.get(kind, OTHER_KM),
            )  # fmt: skip


def _digest(dataset: Any) -> str:
    """Of the data files of the table: other rows, other name."""
    files = sorted(str(file.path) for fragment in dataset.get_fragments() for file in fragment.data_files())
    return hashlib.blake2b("|".join(files).encode(), digest_size=8).hexdigest()
