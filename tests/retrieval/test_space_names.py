"""A search knows the places that its words name, and shows them; without names it answers as before."""

import numpy as np
import pytest

from index.geo import geodesic_km
from index.places.world_names import names_are_known
from retrieval import Space
from retrieval.asking.names.meant import Meant
from retrieval.asking.question import Question
from retrieval.ranking.named import ByName
from tests.conftest import World

pytestmark = pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
TROMSO, NAIROBI = (69.65, 18.96), (-1.28, 36.82)


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def away_km(place, other) -> float:
    return float(geodesic_km(place.lat, place.lon, *other))


def test_a_named_town_is_where_the_answer_lies(space) -> None:
    answer = space.search("Tromsø", k=3)
    (named,) = answer.names
    assert named.best.label.startswith("Tromsø, ")
    assert named.best.label.endswith("Norway")
    assert answer.origin == named.best.place
    for hits in answer.hits.values():
        assert away_km(hits[0].place, TROMSO) < 400
    assert answer.confidence is not None
    assert answer.confidence.within_750_km > 2 * space.search("Tromsø", names=False).confidence.within_750_km


def test_a_region_that_became_a_filter_still_says_which_town_is_meant(space) -> None:
    asked = space.search("Paris, within the United States", k=3)
    assert asked.question.filter.inside == ("United States",)
    (named,) = asked.names
    assert named.text == "Paris"
    assert named.best.label.endswith("United States")
    (other,) = space.search("Paris", k=3).names
    assert other.best.label.endswith("France")


@pytest.mark.parametrize(
    ("field", "value"), [("near", "38.9,-77.3,100"), ("bbox", "30,-100,45,-60"), ("inside", "USA"), ("outside", "Europe")]
)
def test_a_filter_decides_between_places_of_one_name(space, field: str, value: str) -> None:
    (named,) = space.search("Vienna", k=1, filter={field: value}).names
    assert named.best.label == "Vienna, Virginia, United States"


def test_a_filter_makes_no_name_of_an_ordinary_word(space) -> None:
    assert space.search("salt and palm trees", k=1, filter={"inside": "Spain"}).names == ()


def test_a_named_town_that_a_filter_excludes_is_not_the_best_place(space) -> None:
    answer = space.search("Tromsø", k=1, filter={"bbox": "0,-180,10,180"})
    assert answer.names[0].best.label.endswith("Norway")
    assert 0 <= answer.origin.lat <= 10


def test_hits_keep_their_cosines_and_the_best_of_all_beats_most(space) -> None:
    plain = {hit.id: hit.score for hit in space.search("Tromsø", kinds=("locations",), k=200, names=False)}
    hits = space.search("Tromsø", kinds=("locations",), k=5).hits["locations"]
    assert [hit.score for hit in hits] == pytest.approx([plain[hit.id] for hit in hits], abs=1e-5)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert hits[0].percentile > 99


def test_all_hits_are_ordered_as_a_slow_sum_orders_them(space) -> None:
    """Cosine plus temperature times log density, for every location."""
    question = Question.of("palm trees near Nairobi", kinds=("locations",), k=200)
    hits = space.search(question).hits["locations"]
    searcher = space.searcher("locations")
    heat = space.heat(question)
    order = np.argsort(-heat.scores, kind="stable")
    ids = [searcher.snapshot.ids[row].as_py() for row in order.tolist()]
    assert [hit.id for hit in hits[:20]] == ids[:20]
    assert heat.added is not None
    assert (heat.scores >= heat.cosines).all()


def test_a_question_without_names_or_without_looking_them_up_is_answered_as_before(space) -> None:
    for text in ("snow and ice", "Tromsø"):
        off = space.search(text, k=5, names=False)
        assert off.names == ()
        assert all("named" not in way for way in off.ways.values())
    on, off = (space.search("snow and ice", k=5, names=names) for names in (True, False))
    assert [(hit.id, hit.score, hit.percentile) for hit in on] == [(hit.id, hit.score, hit.percentile) for hit in off]
    assert (on.confidence, on.origin) == (off.confidence, off.origin)


def test_a_person_decides_what_a_name_means(space) -> None:
    assert away_km(space.search("Vienna").origin, (48.21, 16.37)) < 1
    virginia = space.search("Vienna", meant=[Meant.read("vienna=38.90,-77.26")])
    assert away_km(virginia.origin, (38.90, -77.26)) < 5
    assert virginia.names[0].chosen
    assert space.search("Vienna", meant=[Meant.read("Vienna=")]).names == ()


def test_filters_still_hold(space) -> None:
    answer = space.search("Tromsø", k=3, filter={"bbox": "0,-180,10,180"})
    assert {round(hit.place.lat) for hit in answer} == {5}


def test_heat_peaks_at_the_named_town(space) -> None:
    assert away_km(space.heat("Tromsø").peaks(1)[0].place, TROMSO) < 400
    assert space.heat(Question.of("Tromsø", names=False)).added is None


def test_an_answer_tells_its_names_as_data(space) -> None:
    (named,) = space.search("Vienna", k=1).as_dict()["names"]
    assert (named["text"], named["start"], named["end"], named["country"], named["kind"]) == ("Vienna", 0, 6, "AT", "town")
    assert named["sentence"].startswith("Vienna → Vienna, Austria; not Vienna, ")
    assert named["others"][0]["country"] == "US"


def test_words_and_position_take_names_along(space) -> None:
    answer = space.search("village near Nairobi", k=3, words=True)
    assert all("named places" in way for way in answer.ways.values())
    assert away_km(answer.hits["tiles"][0].place, NAIROBI) < 1500


def test_ranking_by_name_reaches_as_far_as_what_it_ranks(space) -> None:
    class Reaching:
        reach = 7

    assert ByName(Reaching(), None, None, None).reach == 7  # type: ignore[arg-type]
