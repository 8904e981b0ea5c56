"""Labels: positions with a class each, from clicks, hits or a file. They become a classifier in ``retrieval.labels.classifier``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError, one_line
from index.files import CHOOSE_ANOTHER, made_whole
from index.records import Place
from index.tables.located import CSV, PARQUET, LocatedRow, located_rows, open_table, position_of
from index.tables.values import as_mapping, json_value, text
from index.threads import once

YES, NO = "yes", "no"  # of + and −
MOST_LABELS = 100_000
MAX_CLASSES, MAX_CLASS_CHARACTERS = 50, 100
MAX_BYTES = 50 * 2**20
_COLUMNS = ("label", "class")


@dataclass(frozen=True)
class Label:
    """What a place is an example of; ``YES`` and ``NO`` where there is one class only."""

    place: Place
    label: str


@dataclass(frozen=True)
class Labels:
    """Examples in the order in which they were given; at one place the last one holds. Raises ``InputError`` for none, too many, or
    classes without a name."""

    examples: tuple[Label, ...]

    def __post_init__(self) -> None:
        if not self.examples:
            raise InputError("there are no labels; mark places with + and −, or give a file with lat, lon and label")
        if len(self.examples) > MOST_LABELS:
            raise InputError(f"at most {MOST_LABELS:,} labels, got {len(self.examples):,}; draw some of them")
        named = Counter(each.label for each in self.examples)
        if wrong := [name for name in named if not name.strip() or len(name) > MAX_CLASS_CHARACTERS or not name.isprintable()]:
            raise InputError(f"a class has a name of 1 to {MAX_CLASS_CHARACTERS} characters, got {wrong[0][:40]!r}")
        if len(named) > MAX_CLASSES:
            raise InputError(f"at most {MAX_CLASSES} classes, got {len(named)}; is the column of labels the right one?")

    @classmethod
    def of(cls, plus: Iterable[Place] = (), minus: Iterable[Place] = ()) -> Labels:
        """From + and −."""
        return cls((*(Label(place, YES) for place in plus), *(Label(place, NO) for place in minus)))

    def __len__(self) -> int:
        return len(self._last)

    @once
    def places(self) -> npt.NDArray[np.float64]:
        """[N, 2]: lat, lon."""
        return np.array(list(self._last))

    @once
    def classes(self) -> list[str]:
        """[N]: the class at each of the places."""
        return list(self._last.values())

    def examples_at(self, rows: npt.NDArray[np.int64]) -> Iterable[Label]:
        """Some of them, by their numbers among the places."""
        for at in rows.tolist():
            (lat, lon), label = self.places[at], self.classes[at]
            yield Label(Place(lat=float(lat), lon=float(lon)), label)

    @once
    def _last(self) -> dict[tuple[float, float], str]:
        return {(each.place.lat, each.place.lon): each.label for each in self.examples}

    @classmethod
    def from_geojson(cls, document: Any, column: str = "", where: str = "labels") -> Labels:
        """Points with their class in the property ``column``, else 'label' or 'class'; ``where`` is how errors name the
        document."""
        return cls(tuple(_from_geojson(document, column, where)))

    def as_geojson(self) -> dict[str, Any]:
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [lon, lat]},
                "properties": {"label": label},
            }
            for (lat, lon), label in self._last.items()
        ]
        return {"type": "FeatureCollection", "features": features}


def read_labels(path: Path, column: str = "") -> Labels:
    """From GeoJSON points, or a CSV or Parquet table with positions. The class is in ``column``, else in 'label' or 'class';
    without such a column all are examples of one class.

    Raises ``InputError``, also for a row without a position: a label is no guess.
    """
    if path.suffix.lower() in (".geojson", ".json"):
        return Labels.from_geojson(_document(path), column, str(path))
    if path.suffix.lower() in (*CSV, *PARQUET):
        return Labels(tuple(_from_table(path, column)))
    raise InputError(f"{path}: labels are a .geojson, .csv or .parquet file; convert it first")


def write_labels(labels: Labels, path: Path) -> None:
    """As GeoJSON, which ``read_labels`` reads; complete or not at all."""
    with made_whole(path, InputError, CHOOSE_ANOTHER) as partial:
        partial.write_text(json.dumps(labels.as_geojson(), ensure_ascii=False), encoding="utf-8")


def _from_geojson(document: Any, column: str, where: str) -> Iterable[Label]:
    features = _features(document, where)
    column = column or next((name for name in _COLUMNS if any(name in (each.get("properties") or {}) for each in features)), "")
    for number, feature in enumerate(features, start=1):
        geometry, properties = feature.get("geometry") or {}, feature.get("properties") or {}
        if geometry.get("type") != "Point":
            raise InputError(f"{where}: feature {number} is {geometry.get('type')}, labels are points; take the middle of a shape")
        try:
            lon, lat = (float(each) for each in geometry["coordinates"][:2])
            place = Place(lat=lat, lon=lon)
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise InputError(f"{where}: feature {number} has no position in degrees: {one_line(error)}") from None
        yield Label(place, _class_of(properties.get(column), f"{where}: feature {number}") if column else YES)


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: at most {MAX_BYTES // 2**20} MiB; draw some of the labels")
        return json_value(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _features(document: Any, where: str) -> list[dict[str, Any]]:
    said = as_mapping(document)
    features = said.get("features") if said.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list) or not all(isinstance(each, dict) and each.get("type") == "Feature" for each in features):
        raise InputError(f"{where}: expected a GeoJSON FeatureCollection of points")
    return features


def _from_table(path: Path, column: str) -> Iterable[Label]:
    table = open_table(path)
    name = column or next((each for each in _COLUMNS if each in table.names), "")
    if name and name not in table.names:
        raise InputError(f"{path}: there is no column '{name[:40]}'; choose from {', '.join(table.names)[:300]}")
    position = position_of(table, lat="", lon="", geometry="", crs="", plane=False)
    for row in located_rows(table, position, [name] if name else []):
        yield Label(_placed(row, path), _class_of(_values(row, path)[name], f"{path}: row {row.number}") if name else YES)


def _values(row: LocatedRow, path: Path) -> Any:
    if isinstance(row.values, InputError):
        raise InputError(f"{path}: row {row.number}: {row.values}")
    return row.values


def _placed(row: LocatedRow, path: Path) -> Place:
    try:
        return Place(lat=row.lat, lon=row.lon)
    except InputError as error:
        raise InputError(f"{path}: row {row.number}: {error}") from None


def _class_of(value: Any, where: str) -> str:
    try:
        said = "" if isinstance(value, float) and np.isnan(value) else text(value, "a label").strip()
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if not said:
        raise InputError(f"{where} has no label; leave the row out or fill it in")
    return {"+": YES, "-": NO, "−": NO, "true": YES, "false": NO, "1": YES, "0": NO}.get(said.lower(), said)
