"""GeoNames' dump goes into a catalogue, and its names are looked up from there."""

from pathlib import Path

import pytest

from index.places.spelling import key_of, plain_name
from index.places.world_names import names_are_known, world_names
from index.records import Location, Rejected
from index.sources import points
from index.store.catalogue import Catalogue
from index.store.gazetteer import names_of
from index.store.ingest import ingest
from retrieval.asking.names.resolve import names_in
from tests.worlds import Listed, location


def line(id_: int, name: str, others: str, lat: float, lon: float, feature: str, region: str, people: int = 0) -> str:
    kind, code = feature.split(".")
    told = [id_, name, name, others, lat, lon, kind, code, "AT", "", region, "", "", "", people, "", 300, "Europe/Vienna"]
    return "\t".join(map(str, [*told, "2024-01-01"]))


DUMP = [
    line(1, "Kleinstein", "Little Stone,Kleinsteinach", 47.1, 14.1, "P.PPL", "06", 90),
    line(2, "Schwarzer Kogel", "Black Kogel", 47.2, 14.2, "T.MT", "06"),
    line(3, "Steiermark", "Styria", 47.3, 14.5, "A.ADM1", "06", 1_200_000),
    line(4, "Hotel Stein", "", 47.3, 14.5, "S.HTL", "06"),
    line(5, "Vienna", "Wien", 48.20849, 16.37208, "P.PPLC", "09", 1_691_468),
]


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    file = tmp_path / "allCountries.txt"
    file.write_text("\n".join([*DUMP, "broken line", line(6, "Nowhere", "", 99.0, 0.0, "P.PPL", "06")]) + "\n", encoding="utf-8")
    return file


def meant(index, name: str) -> list[str]:
    (first,), (last,) = index.ranges([key_of(plain_name(name))])
    return [f"{index.name(row)} ({index.word('kind', row)})" for row in index.places[first:last].tolist()]


def test_the_dump_is_read_line_by_line_and_what_no_text_names_is_left_out(dump: Path) -> None:
    records = list(points.build(paths=(dump,)).records())
    places = [each for each in records if isinstance(each, Location)]
    assert [(each.title, each.kind, each.people, each.region) for each in places] == [
        ("Kleinstein", "town", "90", "AT-06"), ("Schwarzer Kogel", "mountain", "0", "AT-06"),
        ("Steiermark", "region", "1200000", "AT-06"), ("Vienna", "town", "1691468", "AT-09"),
    ]  # fmt: skip
    assert places[0].other_names == "Little Stone,Kleinsteinach"
    assert places[0].url == "https://www.geonames.org/1"
    assert [each.where.rpartition(" ")[2] for each in records if isinstance(each, Rejected)] == ["6", "7"]


def test_a_catalogue_that_took_the_dump_knows_its_names_and_again_after_more(dump: Path, tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path / "world", create=True)
    assert names_of(catalogue) is None
    ingest(catalogue, Listed("locations", [location("not looked up")]))
    assert names_of(catalogue) is None
    ingest(catalogue, points.build(paths=(dump,)))
    index = names_of(catalogue)
    assert index is not None
    assert meant(index, "little stone") == ["Kleinstein (town)"]
    assert meant(index, "Styria") == ["Steiermark (region)"]
    assert meant(index, "not looked up") == []
    ingest(catalogue, Listed("locations", [location("Later", 1.0, 2.0, kind="town", other_names="Afterwards", region="AT-01")]))
    again = names_of(catalogue)
    assert again is not None
    assert meant(again, "afterwards") == ["Later (town)"]
    assert len([each for each in (tmp_path / "world" / "_derived" / "names").iterdir() if each.is_dir()]) == 1


@pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
def test_what_both_gazetteers_have_is_one_candidate(dump: Path, tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path / "world", create=True)
    ingest(catalogue, points.build(paths=(dump,)))
    own = names_of(catalogue)
    assert own is not None
    alone, both = (names_in("Vienna", gazetteers)[0] for gazetteers in ([world_names()], [world_names(), own]))
    assert [each.place for each in both.possible] == [each.place for each in alone.possible]
    assert names_in("Climbing the Schwarzer Kogel in May", [world_names(), own])[0].best.kind == "mountain"
