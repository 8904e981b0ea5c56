"""The town that a constraint names: the most populous of that name."""

from dataclasses import dataclass
from functools import cache

from index.places.country_names import code_of_name, folded, name_of
from index.places.towns import Towns, load_towns
from index.records import Place

SIZES = (15_000, 500)  # the larger table takes seconds to load, and is asked only where the smaller one knows no such town
LARGE = 100_000  # people of a town whose name may be typed in small letters
MOST_WORDS = 5
_NO_NAMES = {"a", "an", "the", "my", "any", "some", "each", "every", "this", "that", "here", "me", "home"}


@dataclass(frozen=True)
class Town:
    name: str
    state: str  # of the United States, else ''
    country: str
    place: Place

    @property
    def label(self) -> str:
        return ", ".join(each for each in (self.name, self.state, self.country) if each)


def town_named(name: str, country: str = "") -> Town | None:
    """The most populous town of a name in any case, with or without accents; of that country or US state if one is given. A name in
    small letters has to be of a large town. Raises ``MissingExtraError`` without [demo]."""
    key = folded(name)
    if not key or key in _NO_NAMES:
        return None
    small = name[0].islower()
    code = code_of_name(country) if country else None
    for size in SIZES[:1] if small else SIZES:
        towns = load_towns(size)
        rows = [
            row
            for row in _rows_by_name(size).get(key, ())
            if _is_in(towns, row, country, code) and towns.people[row] >= (LARGE if small else 0)
        ]
        if rows:
            row = max(rows, key=lambda row: int(towns.people[row]))
            place = Place(lat=float(towns.lat[row]), lon=float(towns.lon[row]))
            return Town(towns.names[row], _state(towns, row), name_of(str(towns.codes[row])), place)
    return None


def _is_in(towns: Towns, row: int, country: str, code: str | None) -> bool:
    if not country or towns.codes[row] == code:
        return True
    state = _state(towns, row)
    return bool(state) and folded(country) in (folded(state), folded(towns.regions[row]))


def _state(towns: Towns, row: int) -> str:
    return towns.states.get(towns.regions[row], "") if towns.codes[row] == "US" else ""


@cache
def _rows_by_name(size: int) -> dict[str, tuple[int, ...]]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(load_towns(size).names):
        rows.setdefault(folded(name), []).append(row)
    return {name: tuple(each) for name, each in rows.items()}
