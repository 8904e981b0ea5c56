"""What a model must beat, in worlds of three articles."""

import numpy as np
import pytest

from index.geo import geodesic_km
from retrieval.figures.floors import TextFloors, most_central
from retrieval.figures.held_out import ARTICLES, HeldOut, held_out, known_articles, without_names
from tests.worlds import article, catalogue_with

LONG = (
    "Glaciers flow from the mountain into the sea. Seals rest upon the ice in the long days of summer and wait for fish in the bay."
)
READ = [
    article("Icy", 70.0, 20.0, LONG, split="train"),
    article("Vienna", 48.2, 16.4, "Vienna is a city in Austria.", split="train"),
    article("Sandy", 20.0, 10.0, "Dunes of sand as far as one can see. Camels cross them in the cool of the night.", split="train"),
]
GALLERY = HeldOut("locations", [], np.array([(70.0, 20.0), (48.2, 16.4), (20.0, 10.0), (-30.0, 140.0)]))


@pytest.fixture
def said(tmp_path):
    """What each floor that reads no features says of texts: the places, the shares beaten, whether it had an answer."""

    def ask(*texts):
        held = [article(f"q{n}", 48.2, 16.4, text, split="report") for n, text in enumerate(texts)]
        catalogue = catalogue_with(tmp_path, articles=[*READ, *held])
        asked, read = held_out(catalogue, "articles"), known_articles(catalogue)
        floors = TextFloors(asked, read, GALLERY, catalogue)
        return {
            floor.name: floor.place()
            for floor in (*floors.of_names(), *floors.of_all_texts(), *floors.of_articles())
            if "frozen" not in floor.name
        }

    return ask


def test_names_and_single_sentences_count_among_all_texts_and_not_among_articles(tmp_path):
    read = known_articles(catalogue_with(tmp_path, articles=READ))
    assert len(read) == 3
    assert sorted(text[:3] for text in read.take(read.groups[ARTICLES]).texts) == ["Icy", "San"]


def test_each_floor_answers_in_its_own_way(said):
    found = said("A walk in Vienna, the city in Austria.")
    away = {name: float(placed.errors_km[0]) for name, placed in found.items()}
    assert away["TF-IDF nearest of all texts"] == pytest.approx(0, abs=1)
    assert away["gazetteer, first town named"] < 5
    assert away["the same place for all"] == pytest.approx(0, abs=1), "Vienna lies between the others"
    assert found["TF-IDF nearest of all texts"].beats.tolist() == [1]


def test_what_a_floor_cannot_answer_is_at_the_same_place_as_all_others_and_counted(said):
    found = said("xyzzy plugh")
    for name, placed in found.items():
        assert placed.errors_km == pytest.approx(found["the same place for all"].errors_km)
        assert (placed.answered is None) == (name == "the same place for all")
        assert placed.answered is None or placed.answered.tolist() == [0]


def test_the_same_place_for_all_has_the_least_mean_distance():
    rng = np.random.default_rng(0)
    places = np.stack([rng.uniform(-60, 60, 80), rng.uniform(-180, 180, 80)], axis=1)
    means = [geodesic_km(lat, lon, *places.T).mean() for lat, lon in places]
    assert most_central(places).tolist() == places[int(np.argmin(means))].tolist()


def test_texts_without_names_lose_them_and_short_ones_are_left_out(tmp_path):
    held = [
        article("Vienna", 48.2, 16.4, f"Vienna lies on the Danube. {LONG}", split="report"),
        article("Graz", 47.1, 15.4, "Graz is a city.", split="report"),
    ]
    catalogue = catalogue_with(tmp_path, articles=held)
    asked = held_out(catalogue, "articles")
    (text,) = without_names(catalogue, asked).texts
    assert "Danube" not in text
    assert "Vienna" not in text
    assert "Seals rest upon the ice" in text
