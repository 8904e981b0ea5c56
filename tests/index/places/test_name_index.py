"""An index of names gives back what went in, exact and misspelt."""

import random
import string
from pathlib import Path

import numpy as np
import pytest

from index.errors import CatalogueError
from index.places.name_index import Entry, NameIndex
from index.places.spelling import key_of, plain_name


def entry(name: str, people: int = 10_000, **more) -> Entry:
    return Entry(name=name, lat=1.0, lon=2.0, kind="town", people=people, country="AA", **more)


def index_of(folder: Path, *entries: Entry) -> NameIndex:
    NameIndex.build(folder / "names", entries)
    return NameIndex.open(folder / "names")


def meant(index: NameIndex, name: str) -> list[str]:
    (first,), (last,) = index.ranges([key_of(plain_name(name))])
    return [index.name(row) for row in index.places[first:last].tolist()]


def test_a_name_means_all_places_of_it_the_largest_first(tmp_path) -> None:
    index = index_of(tmp_path, entry("Linz", 2_000), entry("Linz", 200_000), entry("Lentia", 500, others=("LINZ", "Linz")))
    assert meant(index, "linz") == ["Linz", "Linz", "Lentia"]
    assert meant(index, "Lentia") == ["Lentia"]
    assert meant(index, "Lin") == []


def test_a_place_is_told_with_its_words(tmp_path) -> None:
    index = index_of(tmp_path, entry("Linz", region="AA-4"), Entry(name="Aa", lat=0, lon=0, kind="country", country="AA"))
    assert (index.word("kind", 0), index.word("country", 0), index.word("region", 0)) == ("town", "AA", "AA-4")
    assert index.parents == {"AA": "Aa"}


def test_alternate_names_are_marked_and_a_city_of_the_name_is_none(tmp_path) -> None:
    index = index_of(tmp_path, entry("New York City", others=("New York", "Gotham")))
    by_key = dict(zip(index.keys.tolist(), zip(index.places.tolist(), index.alternate.tolist(), strict=True), strict=True))
    assert by_key[key_of("new york city")] == (0, False)
    assert by_key[key_of("gotham")] == (0, True)
    position = index.keys.tolist().index(key_of("new york"))
    assert index.is_city(position, "new york")
    assert not index.is_city(position, "gotham")


def edits(word: str, rng: random.Random) -> str:
    """With one letter left out, doubled, changed or swapped with the next."""
    at = rng.randrange(len(word) - 1)
    return rng.choice([
        word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:],
        word[:at] + rng.choice(string.ascii_lowercase) + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ])  # fmt: skip


def test_every_name_with_one_error_is_found_as_a_slow_comparison_finds_it(tmp_path) -> None:
    from rapidfuzz.distance import OSA

    rng = random.Random(0)
    names = ["".join(rng.choice("abcdefgh") for _ in range(rng.randint(6, 9))) for _ in range(60)]
    index = index_of(tmp_path, *map(entry, names))
    for name in names:
        typed = edits(name, rng)
        expected = {(row, OSA.distance(typed, each)) for row, each in enumerate(names) if OSA.distance(typed, each) == 1}
        assert expected <= set(index.spelt_like(typed))


def test_f_for_ph_is_one_error(tmp_path) -> None:
    index = index_of(tmp_path, entry("Philippi", 90_000), entry("Filippa", 90_000))
    assert index.spelt_like("filippi") == [(0, 1), (1, 1)]
    assert index.spelt_like("phillippi") == [(0, 1), (1, 2)]


def test_small_places_and_short_words_are_not_guessed(tmp_path) -> None:
    index = index_of(tmp_path, entry("Hamburg", 1_700_000), entry("Homburg", 800), entry("Oslo"))
    assert [index.name(row) for row, _ in index.spelt_like("hamburgg")] == ["Hamburg"]
    assert index.spelt_like("oslx") == []


def test_an_index_is_written_whole_or_not_at_all(tmp_path) -> None:
    def failing():
        yield entry("Linz")
        raise OSError(28, "No space left on device")

    with pytest.raises((CatalogueError, OSError)):
        NameIndex.build(tmp_path / "names", failing())
    assert list(tmp_path.iterdir()) == []


def test_arrays_are_mapped_and_not_read(tmp_path) -> None:
    index = index_of(tmp_path, entry("Linz"))
    assert isinstance(index.keys.base, np.memmap) or isinstance(index.keys, np.memmap)
