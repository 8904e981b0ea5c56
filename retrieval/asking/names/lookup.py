"""What a question's texts name: the gazetteers that are asked, and what a person said a name means.

The names that come with PlaceBind are always asked, and with them the named locations of a catalogue that brought names of its own
(`placebind ingest points allCountries.txt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from index.places.name_index import NameIndex
from index.places.spelling import plain_name
from index.records import Place
from retrieval.asking.names.meant import Meant
from retrieval.asking.names.resolve import Allowed, Named, Warmth, distance_km, names_in

READ_CHARACTERS = 8_000  # of a question: later names of a text hardly count


def names_of(
    text: str,
    gazetteers: Sequence[NameIndex],
    warmth: Warmth | None = None,
    meant: Sequence[Meant] = (),
    allowed: Allowed | None = None,
) -> tuple[Named, ...]:
    """The places that a question's text names, as the person ``meant`` them, where a filter ``allowed`` it."""
    names = names_in(text[:READ_CHARACTERS], gazetteers, warmth, allowed=allowed)
    said = {plain_name(each.name): each.place for each in meant}
    chosen = (named if (key := plain_name(named.text)) not in said else _as_meant(named, said[key]) for named in names)
    return tuple(named for named in chosen if named is not None)


def distinct(names: Sequence[Named]) -> list[Named]:
    """Each name once, in the order of the text."""
    firsts: dict[str, Named] = {}
    for named in names:
        firsts.setdefault(plain_name(named.text), named)
    return list(firsts.values())


def _as_meant(named: Named, place: Place | None) -> Named | None:
    """With the place that was meant first and certain; None where no place was meant."""
    if place is None:
        return None
    nearest = min(named.possible, key=lambda each: distance_km(each.place, place))
    others = [replace(each, probability=0.0) for each in named.possible if each is not nearest]
    return replace(named, possible=(replace(nearest, probability=1.0), *others), chosen=True)
