"""What a place, a box, an article, a tile and a hit are; what is refused at the border; what an id depends on."""

import dataclasses
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from index.errors import InputError
from index.records import Article, BBox, Embeddings, Hit, Place, Rejected, Tile, content_id
from tests.worlds import article, location, one_hot, tile

# Multiples of 1/8 degree: sums and differences of these are exact, so that a disagreement is never a matter of rounding.
EXACT_LATS = st.integers(-90 * 8, 90 * 8).map(lambda n: n / 8)
EXACT_LONS = st.integers(-180 * 8, 180 * 8).map(lambda n: n / 8)


# Places


def test_a_place_takes_latitude_and_longitude_by_name_only() -> None:
    assert (Place(lat=48.2, lon=16.4).lat, Place(lat=48.2, lon=16.4).lon) == (48.2, 16.4)
    with pytest.raises(TypeError):
        Place(48.2, 16.4)  # type: ignore[misc]


def test_the_poles_and_both_names_of_the_antimeridian_are_places() -> None:
    for lat, lon in ((90, 0), (-90, 0), (0, 180), (0, -180)):
        assert (Place(lat=lat, lon=lon).lat, Place(lat=lat, lon=lon).lon) == (lat, lon)


def test_a_latitude_of_91_is_refused_with_the_range() -> None:
    with pytest.raises(InputError, match=r"lat must lie in \[-90, 90\] degrees, got 91"):
        Place(lat=91, lon=0)


def test_a_latitude_that_would_do_as_a_longitude_hints_at_swapped_columns() -> None:
    with pytest.raises(InputError, match="are lat and lon swapped"):
        Place(lat=151.2, lon=-33.9)  # Sydney, the wrong way round


def test_a_latitude_beyond_any_longitude_gives_no_such_hint() -> None:
    with pytest.raises(InputError) as refused:
        Place(lat=5_400_000, lon=500_000)  # metres of a projection
    assert "swapped" not in str(refused.value)


def test_a_longitude_of_181_is_refused() -> None:
    with pytest.raises(InputError, match=r"lon must lie in \[-180, 180\] degrees, got 181"):
        Place(lat=0, lon=181)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_coordinate_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="lat must lie"):
        Place(lat=value, lon=0)
    with pytest.raises(InputError, match="lon must lie"):
        Place(lat=0, lon=value)


def test_a_place_cannot_be_moved() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Place(lat=1, lon=2).lat = 3  # type: ignore[misc]


# Boxes


def test_a_box_holds_what_is_inside_and_on_its_edge() -> None:
    austria = BBox(south=46, west=9, north=49, east=17)
    assert austria.contains([48.2, 46, 49, 45.9, 48], [16.4, 9, 17, 12, 17.1]).tolist() == [True, True, True, False, False]


def test_a_box_may_cross_the_antimeridian() -> None:
    fiji = BBox(south=-21, west=177, north=-12, east=-178)
    assert fiji.crosses_antimeridian
    assert fiji.contains(-18, [178, 179.9, 180, -180, -179]).all()
    assert not fiji.contains(-18, [0, 176.9, -177.9]).any()


def test_a_box_on_one_side_of_the_antimeridian_does_not_cross_it() -> None:
    assert not BBox(south=0, west=170, north=1, east=180).crosses_antimeridian


def test_a_box_around_the_whole_globe_holds_every_longitude() -> None:
    globe = BBox(south=-90, west=-180, north=90, east=180)
    assert globe.contains([-90, 90, 0, 0, 0], [0, 0, -180, 180, 12.3]).all()


def test_a_box_without_width_holds_its_meridian_only() -> None:
    greenwich = BBox(south=-90, west=0, north=90, east=0)
    assert greenwich.contains(51.5, [0, 0.001, -0.001]).tolist() == [True, False, False]


def test_a_box_at_the_pole_holds_the_pole() -> None:
    assert BBox(south=80, west=-30, north=90, east=30).contains(90, 0)


@pytest.mark.parametrize("west", [170.0, 170.1, 177.7])
def test_the_antimeridian_is_on_the_edge_of_a_box_that_ends_there_under_either_name(west: float) -> None:
    for east in (180, -180):
        assert BBox(south=0, west=west, north=1, east=east).contains(0.5, [180, -180]).all()


@given(EXACT_LATS, EXACT_LATS, EXACT_LONS, EXACT_LONS, EXACT_LATS, EXACT_LONS)
def test_a_box_agrees_with_the_slow_obvious_comparison(
    a: float, b: float, west: float, east: float, lat: float, lon: float
) -> None:
    south, north = min(a, b), max(a, b)

    def between(name: float) -> bool:
        return west <= name <= east if west <= east else name >= west or name <= east

    names = {180.0, -180.0} if abs(lon) == 180 else {lon}  # the antimeridian has two
    expected = south <= lat <= north and any(between(name) for name in names)
    assert bool(BBox(south=south, west=west, north=north, east=east).contains(lat, lon)) == expected


@given(EXACT_LONS, EXACT_LONS, EXACT_LONS)
def test_a_meridian_is_in_a_box_or_in_the_rest_of_the_globe(west: float, east: float, lon: float) -> None:
    assume(west != east)
    box, rest = BBox(south=0, west=west, north=1, east=east), BBox(south=0, west=east, north=1, east=west)
    assert box.contains(0, lon) or rest.contains(0, lon)


@pytest.mark.parametrize("box", [BBox(south=-90, west=-180, north=90, east=180), BBox(south=0, west=170, north=10, east=-170)])
def test_a_point_that_is_nowhere_is_in_no_box(box: BBox) -> None:
    assert box.contains([math.nan, 5, math.nan], [175, math.nan, math.nan]).tolist() == [False, False, False]


def test_a_box_upside_down_is_refused() -> None:
    with pytest.raises(InputError, match="south <= north, got south 49, north 46"):
        BBox(south=49, west=9, north=46, east=17)


def test_a_box_with_an_impossible_corner_is_refused() -> None:
    with pytest.raises(InputError, match="lat must lie"):
        BBox(south=-91, west=9, north=46, east=17)
    with pytest.raises(InputError, match="lon must lie"):
        BBox(south=0, west=9, north=46, east=math.nan)


# Articles and locations


def test_the_same_article_has_the_same_id_on_every_machine() -> None:
    # Written out: an id that changes with the Python version or the process would double every catalogue.
    assert article().id == article().id == "f71ddd5fc642ea04cf4ce11084c04a5e"


def test_an_articles_id_depends_on_its_title_text_link_and_place() -> None:
    ids = {
        article().id,
        article(title="Else").id,
        article(text="Else.").id,
        article(url="http://x").id,
        article(lat=1).id,
        article(lon=1).id,
    }
    assert len(ids) == 6


def test_an_articles_id_does_not_depend_on_what_is_said_about_it() -> None:
    said = {"country": "Ghana", "source": "here", "licence": "CC0", "split": "val"}
    said |= {"language": "de", "wikidata": "Q16896007", "image": "https://example.org/buoy.jpg"}
    assert article(**said).id == article().id


@pytest.mark.parametrize("make", [article, location])
def test_the_antimeridian_is_one_place_under_both_its_names(make: object) -> None:
    assert make(lat=10, lon=180).id == make(lat=10, lon=-180).id  # type: ignore[operator]


@pytest.mark.parametrize("make", [article, location])
def test_minus_zero_is_zero(make: object) -> None:
    assert make(lat=-0.0, lon=-0.0).id == make(lat=0.0, lon=0.0).id  # type: ignore[operator]


def test_a_centimetre_does_not_make_another_place() -> None:
    centimetre_deg = 1e-7
    assert location(lat=centimetre_deg, lon=-centimetre_deg).id == location(lat=0, lon=0).id
    assert location(lat=48.2 + centimetre_deg, lon=16.4).id == location(lat=48.2, lon=16.4).id


def test_a_centimetre_does_not_make_another_place_at_the_antimeridian_either() -> None:
    assert location(lon=180 - 1e-7).id == location(lon=180).id == location(lon=-180 + 1e-7).id


def test_a_hundred_metres_make_another_place() -> None:
    assert location(lat=0.001).id != location(lat=0).id


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_article_without_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the text is empty"):
        article(text=text)


@pytest.mark.parametrize("split", ["train", "val", "report", "test", ""])
def test_a_split_is_one_of_four_or_not_assigned(split: str) -> None:
    assert article(split=split).split == split


@pytest.mark.parametrize("split", ["validation", "VAL", "held out"])
def test_any_other_split_is_refused_because_nobody_could_tell_what_it_means(split: str) -> None:
    with pytest.raises(InputError, match="split"):
        article(split=split)


@pytest.mark.parametrize(
    ("field", "value"), [("language", "en_US"), ("wikidata", "84"), ("wikidata", " Q84"), ("image", "javascript:alert(1)")]
)
def test_an_article_refuses_references_in_another_form_than_the_catalogue_keeps(field: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"{field} must be an? .* or empty, got '.*{value.strip().partition('(')[0]}"):
        article(**{field: value})


def test_an_article_and_a_location_of_the_same_name_and_place_are_two_records() -> None:
    assert article().id != location().id


# Tiles


def test_the_same_tile_has_the_same_id_on_every_machine() -> None:
    assert tile().id == tile().id == "8f00a23297322669e1993fc1cb40afc2"


def test_a_tiles_id_depends_on_pixels_bands_ground_level_and_date() -> None:
    variants = [
        tile(),
        tile(8),
        tile(bands=("B03", "B08")),
        tile(lon=1),
        tile(crs="EPSG:3857"),
        tile(level="L1C"),
        tile(date="2020-01-01"),
    ]
    assert len({each.id for each in variants}) == len(variants)


def test_a_tiles_id_does_not_depend_on_what_is_said_about_it() -> None:
    assert tile(title="a field", url="http://x", country="Ghana", source="here", licence="CC0", valid=0.5).id == tile().id


def test_a_tiles_id_does_not_depend_on_how_its_pixels_lie_in_memory() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3)
    assert dataclasses.replace(tile(), pixels=np.asfortranarray(pixels)).id == dataclasses.replace(tile(), pixels=pixels).id


def test_a_wide_tile_and_a_tall_tile_of_the_same_bytes_are_two_tiles() -> None:
    wide, tall = np.full((2, 1, 4), 7, np.uint16), np.full((2, 4, 1), 7, np.uint16)
    assert dataclasses.replace(tile(), pixels=wide).id != dataclasses.replace(tile(), pixels=tall).id


def test_a_tile_needs_one_layer_for_each_band() -> None:
    with pytest.raises(InputError, match=r"\[bands, height, width\] with 2 bands, got \(3, 4, 4\)"):
        dataclasses.replace(tile(), pixels=np.ones((3, 4, 4), np.uint16))


@pytest.mark.parametrize("shape", [(2, 4), (2, 0, 4), (1, 2, 4, 4)])
def test_a_tile_needs_an_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="pixels must be"):
        dataclasses.replace(tile(), pixels=np.ones(shape, np.uint16))


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.int64])
def test_a_tile_is_of_unsigned_bytes_or_words(kind: type) -> None:
    with pytest.raises(InputError, match="uint8 or uint16"):
        dataclasses.replace(tile(), pixels=np.ones((2, 4, 4), kind))


# Hits


def hit(**more: object) -> Hit:
    return Hit(rank=1, modality="articles", id="ab", title="Accra", place=Place(lat=5.55602, lon=-0.1969), score=0.5, **more)  # type: ignore[arg-type]


def test_a_hit_links_to_its_own_page() -> None:
    assert hit(url="https://example.org/Accra").link == "https://example.org/Accra"


def test_a_hit_without_a_page_links_to_its_point_on_the_map() -> None:
    assert hit().link == "https://www.openstreetmap.org/?mlat=5.5560&mlon=-0.1969#map=9/5.5560/-0.1969"


def test_a_hit_as_a_dictionary_has_flat_named_coordinates_and_its_link() -> None:
    flat = hit(distance_km=12.5, country="Ghana", snippet="A city.").as_dict()
    assert flat == {
        "rank": 1, "modality": "articles", "id": "ab", "title": "Accra", "lat": 5.55602, "lon": -0.1969, "score": 0.5,
        "percentile": None, "distance_km": 12.5, "link": hit().link, "country": "Ghana", "snippet": "A city.",
    }  # fmt: skip


# Embeddings


def embeddings(vectors: np.ndarray, ids: tuple[str, ...] = ("a", "b")) -> Embeddings:
    return Embeddings(ids=ids, vectors=vectors, modality="articles", model_digest="3fa1", places=np.zeros((2, 2)))


def test_embeddings_keep_unit_vectors() -> None:
    np.testing.assert_array_equal(embeddings(one_hot(0, 3)).vectors, one_hot(0, 3))


@pytest.mark.parametrize("poison", [0.0, 2.0, math.nan, math.inf])
def test_one_vector_that_is_not_of_unit_norm_spoils_the_whole_set_and_is_named(poison: float) -> None:
    vectors = one_hot(0, 1)
    vectors[1] = [0, poison, 0, 0]
    with pytest.raises(InputError, match=r"1 vectors are not of unit norm \(first: row 1, norm .*normalise"):
        embeddings(vectors)


def test_a_rounding_error_of_half_precision_is_not_a_fault() -> None:
    almost = (one_hot(0, 1) * np.float32(1 + 4e-4)).astype(np.float32)
    assert len(embeddings(almost).vectors) == 2


def test_ids_vectors_and_places_must_match_in_number() -> None:
    with pytest.raises(InputError, match="3 ids, 2 vectors and 2 places"):
        embeddings(one_hot(0, 1), ids=("a", "b", "c"))


# Content hashes


def test_where_one_part_ends_and_the_next_begins_matters() -> None:
    assert content_id("ab", "c") != content_id("a", "bc") != content_id("abc")


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_different_parts_have_different_hashes_and_equal_parts_the_same(a: list[str], b: list[str]) -> None:
    assert (content_id(*a) == content_id(*b)) == (a == b)


def test_a_content_hash_is_128_bits_of_hex() -> None:
    assert len(content_id("x")) == 32
    assert int(content_id("x"), 16) >= 0


def test_a_record_is_what_its_class_says() -> None:
    assert isinstance(article(), Article)
    assert isinstance(tile(), Tile)


# What comes from outside and is no text or number


@pytest.mark.parametrize("lat", [10**400, -(10**400), "48.2", None, True, [48.2]])
def test_a_latitude_that_no_float_holds_or_that_is_no_number_is_refused(lat: object) -> None:
    with pytest.raises(InputError, match="lat must"):
        Place(lat=lat, lon=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("title", ["Half \ud83d a character", 7, {"a": 1}, None])
def test_a_title_that_no_file_can_hold_or_that_is_no_text_is_refused(title: object) -> None:
    with pytest.raises(InputError, match="title"):
        article(title=title)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="title"):
        location(title=title)  # type: ignore[arg-type]


def test_a_rejection_that_quotes_half_a_character_can_be_saved() -> None:
    rejected = Rejected(where="page 'Half \ud83d'", why="\ud83d is no text")
    assert (rejected.where.encode(), rejected.why) == (b"page 'Half \\ud83d'", "\\ud83d is no text")


def test_what_own_columns_say_is_short_and_leaves_out_what_is_not_known() -> None:
    own = {"beds": 0, "open": False, "since": date(1999, 5, 1), "owner": None, "note": "x" * 81}
    shown = hit(own=own)
    assert shown.own_facts == ["beds: 0", "open: False", "since: 1999-05-01", f"note: {'x' * 80}…"]
    assert shown.as_dict()["own"] == own | {"since": "1999-05-01"}
    assert "own" not in hit().as_dict()
