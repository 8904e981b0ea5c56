"""Sets of labels in a catalogue: a small Lance table each, ``labels_<name>``; every saving is a version that can be had again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from index.errors import CatalogueError, InputError, one_line
from index.records import Place
from index.store.catalogue import Catalogue, is_object_store
from retrieval.labels.labels import Label, Labels

_PREFIX = "labels_"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SCHEMA = pa.schema([("lat", pa.float64()), ("lon", pa.float64()), ("label", pa.string())])


@dataclass(frozen=True)
class Version:
    number: int
    saved: datetime
    labels: int


def save_labels(catalogue: Catalogue, name: str, labels: Labels) -> int:
    """The number of the new version. Raises ``InputError`` for a name that no table can have."""
    checked_name(name)
    rows = [{"lat": lat, "lon": lon, "label": label} for (lat, lon), label in zip(labels.places, labels.classes, strict=True)]
    mode = "overwrite" if name in label_sets(catalogue) else "create"
    table = catalogue.db.create_table(_PREFIX + name, data=pa.Table.from_pylist(rows, schema=_SCHEMA), mode=mode)
    return int(table.version)


def load_labels(catalogue: Catalogue, name: str, version: int | None = None) -> Labels:
    """The newest version, or an older one. Raises ``CatalogueError`` if it is not there."""
    dataset = _dataset(catalogue, name)
    try:
        rows = (dataset if version is None else dataset.checkout_version(version)).to_table().to_pylist()
    except (ValueError, OSError) as error:
        raise CatalogueError(f"the labels '{name}' have no version {version}: {one_line(error)}") from None
    return Labels(tuple(Label(Place(lat=row["lat"], lon=row["lon"]), row["label"]) for row in rows))


def label_sets(catalogue: Catalogue) -> list[str]:
    """The names of all sets."""
    return [name.removeprefix(_PREFIX) for name in catalogue.names() if name.startswith(_PREFIX)]


def versions_of(catalogue: Catalogue, name: str) -> list[Version]:
    """From the first to the newest."""
    dataset = _dataset(catalogue, name)
    return [
        Version(each["version"], each["timestamp"], dataset.checkout_version(each["version"]).count_rows())
        for each in dataset.versions()
    ]


def checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(f"a set of labels has a name of small letters, digits, - and _ (at most 40), got '{name[:60]}'")
    return name


def _dataset(catalogue: Catalogue, name: str) -> Any:
    if checked_name(name) not in label_sets(catalogue):
        known = ", ".join(label_sets(catalogue)) or "none are saved"
        raise CatalogueError(f"there are no labels '{name}' in {catalogue.uri}; choose from: {known}")
    if is_object_store(catalogue.uri):
        return catalogue.db.open_table(_PREFIX + name).to_lance()
    import lance

    return lance.dataset(str(Path(catalogue.uri) / f"{_PREFIX}{name}.lance"))
