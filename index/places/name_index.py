"""Names of places as arrays on disk: which places a name may mean, by one search in sorted keys, exact or misspelt.

    NameIndex.build(folder, entries)    # once
    NameIndex.open(folder).rows_of(keys)

The arrays are mapped into memory, so a process holds only what it touches. A name is a 64-bit key (``index.places.spelling``). For
misspelt names every larger place is stored under its name and the sound of its name, and under each of both with one letter left
out; the word asked for is looked up with up to two letters left out (symmetric deletion), and rapidfuzz compares the few that meet.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.files import made_whole
from index.geo import unit_xyz
from index.places.spelling import key_of, plain_name, sounded
from index.threads import once

SPELT_BY_FAME = 5_000  # the misspelt names of smaller towns are not guessed: too many of them are one letter apart
SHORTEST_GUESSED, SHORTEST_OF_TWO = 5, 7  # letters of a name that may have one error, of a single word that may have two
LONGEST_GUESSED = 40  # of a longer one there are too many ways to leave two letters out
SCALARS = ("lat", "lon", "people", "country", "continent", "region", "kind", "radius_km", "fame")
FORMAT = 5  # increases when the files of an index change
_TABLES = "tables.json"
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A place to be named: ``country`` is its ISO code, ``region`` the code of the first level inside it ('US-VA'), ``continent``
    GeoNames' code ('EU') of that of a town. A country or a region has its own code there, a continent in ``region``.
    ``radius_km``: how far it reaches. ``fame``: of a place without people, the number of people of a town that is as well known
    (``index.places.fame``); of any other its people."""

    name: str
    lat: float
    lon: float
    kind: str
    others: Sequence[str] = ()
    people: int = 0
    country: str = ""
    continent: str = ""
    region: str = ""
    radius_km: float = 5.0
    fame: int = 0

    def __post_init__(self) -> None:
        if not self.fame:
            object.__setattr__(self, "fame", self.people)


@dataclass(frozen=True)
class NameIndex:
    """``columns`` [N] of all places by name; ``tables`` are the words that numbers of countries, continents, regions and kinds
    stand for. ``keys`` [K] ascend, ``places`` [K] are the rows they mean, ``alternate`` [K]: by another name than its own."""

    columns: dict[str, npt.NDArray[Any]]
    tables: dict[str, list[str]]
    keys: npt.NDArray[np.uint64]
    places: npt.NDArray[np.int32]
    alternate: npt.NDArray[np.bool_]
    near_keys: npt.NDArray[np.uint64]
    near_places: npt.NDArray[np.int32]
    spelt: npt.NDArray[np.int64]
    letters: npt.NDArray[np.uint8]

    @classmethod
    def build(cls, folder: Path, entries: Iterable[Entry]) -> None:
        """Write the files of an index into a new folder, all or none."""
        writer = _Writer()
        for entry in entries:
            writer.add(entry)
        with made_whole(folder) as partial:
            partial.mkdir()
            for name, values in writer.arrays():
                np.save(partial / f"{name}.npy", values)
            (partial / _TABLES).write_text(json.dumps(writer.tables), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> NameIndex:
        def column(name: str) -> npt.NDArray[Any]:
            return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

        rest = {name: column(name) for name in ("keys", "places", "alternate", "near_keys", "near_places", "spelt", "letters")}
        tables = json.loads((folder / _TABLES).read_text(encoding="utf-8"))
        return cls(columns={name: column(name) for name in SCALARS}, tables=tables, **rest)

    def __len__(self) -> int:
        return len(self.columns["lat"])

    def ranges(self, keys: Sequence[int]) -> tuple[Rows, Rows]:
        """For each key the first position in ``places`` and the one after the last; the same if the key is unknown."""
        wanted = np.array(keys, dtype=np.uint64)
        first = np.searchsorted(self.keys, wanted, "left")
        known = self.keys[np.minimum(first, len(self.keys) - 1)] == wanted
        last = first.copy()
        last[known] = np.searchsorted(self.keys, wanted[known], "right")
        return first, last

    def name(self, row: int) -> str:
        """The place's own name."""
        start, end = self.spelt[row], self.spelt[row + 1]
        return bytes(self.letters[start:end]).decode()

    def is_city(self, position: int, plain: str) -> bool:
        """Whether the place's own name is the other one with "City" behind it: New York City is as often called New York."""
        return plain_name(self.name(int(self.places[position]))) == f"{plain} city"

    def word(self, column: str, row: int) -> str:
        """The country, region or kind of a place."""
        return self.tables[column][int(self.columns[column][row])]

    @once
    def towns(self) -> tuple[Rows, Any]:
        """The rows of the towns, and their unit vectors in this order as a cKDTree."""
        from scipy.spatial import cKDTree

        rows = np.flatnonzero(self.columns["kind"] == self.tables["kind"].index("town"))
        return rows, cKDTree(unit_xyz(self.columns["lat"][rows], self.columns["lon"][rows]))

    @once
    def parents(self) -> dict[str, str]:
        """The names of countries and regions by their codes."""
        wanted = [self.tables["kind"].index(kind) for kind in ("region", "country") if kind in self.tables["kind"]]
        rows = np.flatnonzero(np.isin(self.columns["kind"], wanted)).tolist()
        return {self.word("country" if self.word("kind", row) == "country" else "region", row): self.name(row) for row in rows}

    def spelt_like(self, plain: str) -> list[tuple[int, int]]:
        """Rows of larger places whose own name is one or two errors away, with the number of errors, the fewest first. 'f' for
        'ph' is one error ('Philadelfia')."""
        from rapidfuzz.distance import OSA

        if not SHORTEST_GUESSED <= len(plain) <= LONGEST_GUESSED:
            return []
        most = 1 if len(plain) < SHORTEST_OF_TWO or " " in plain else 2
        forms = {plain, sounded(plain)}
        keys = np.unique(np.array([key_of(each) for form in forms for each in _shortened(form, most)], dtype=np.uint64))
        first, last = (np.searchsorted(self.near_keys, keys, side) for side in ("left", "right"))
        rows = {int(row) for a, b in zip(first, last, strict=True) for row in self.near_places[a:b]}
        names = {row: plain_name(self.name(row)) for row in rows}

        def errors(name: str) -> int:
            pairs = ((plain, name), (sounded(plain), sounded(name)))
            return max(1, min(OSA.distance(one, other, score_cutoff=most) for one, other in pairs))

        counts = [(row, errors(name)) for row, name in names.items() if name != plain]
        return sorted(((row, count) for row, count in counts if count <= most), key=lambda each: (each[1], each[0]))


class _Writer:
    """Collects entries; names of one place are stored once each."""

    def __init__(self) -> None:
        self.tables: dict[str, list[str]] = {"country": [], "continent": [], "region": [], "kind": []}
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in self.tables}
        self._scalars = {name: array("d") for name in SCALARS}
        self._names: list[bytes] = []
        self._keys, self._rows, self._alternate = array("Q"), array("i"), array("b")
        self._near_keys, self._near_rows = array("Q"), array("i")

    def add(self, entry: Entry) -> None:
        row = len(self._names)
        self._names.append(entry.name.encode())
        for name in SCALARS:
            value = getattr(entry, name)
            self._scalars[name].append(self._number(name, value) if name in self.tables else value)
        own = plain_name(entry.name)
        for plain in dict.fromkeys([own, *map(plain_name, entry.others)]):
            if plain:
                self._keys.append(key_of(plain))
                self._rows.append(row)
                self._alternate.append(plain != own)
        if SHORTEST_GUESSED <= len(own) <= LONGEST_GUESSED and (entry.fame >= SPELT_BY_FAME or not entry.fame):
            for key in {key_of(each) for form in {own, sounded(own)} for each in _shortened(form, 1)}:
                self._near_keys.append(key)
                self._near_rows.append(row)

    def arrays(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        kinds = {
            "country": np.int16, "continent": np.int16, "region": np.int32, "kind": np.int16, "people": np.int64, "fame": np.int64,
            "radius_km": np.float32,
        }  # fmt: skip
        for name, values in self._scalars.items():
            yield name, np.array(values).astype(kinds.get(name, np.float64))
        fame = np.array(self._scalars["fame"])
        keys, rows, alternate = np.array(self._keys, np.uint64), np.array(self._rows, np.int32), np.array(self._alternate, np.bool_)
        order = np.lexsort((-fame[rows], keys))  # of one name the best known place first
        yield from (("keys", keys[order]), ("places", rows[order]), ("alternate", alternate[order]))
        near_keys, near_rows = np.array(self._near_keys, np.uint64), np.array(self._near_rows, np.int32)
        order = np.argsort(near_keys, kind="stable")
        yield from (("near_keys", near_keys[order]), ("near_places", near_rows[order]))
        yield "spelt", np.cumsum([0, *map(len, self._names)])
        yield "letters", np.frombuffer(b"".join(self._names), np.uint8)

    def _number(self, column: str, word: str) -> int:
        numbers = self._numbers[column]
        if word not in numbers:
            numbers[word] = len(numbers)
            self.tables[column].append(word)
        return numbers[word]


def _shortened(plain: str, most: int) -> Iterator[str]:
    """The name itself, and with up to ``most`` of its letters left out."""
    yield plain
    for count in range(1, most + 1):
        for left_out in combinations(range(len(plain)), count):
            yield "".join(letter for at, letter in enumerate(plain) if at not in left_out)
