"""A part of a query is read by the encoder of its kind, says what it is in one line, and refuses what cannot be asked."""

from pathlib import Path

import numpy as np
import pytest

from index.errors import InputError
from index.records import Place
from index.sources.geotiff_tiles import write_tile
from retrieval.asking.parts import Item, Part, embed
from retrieval.asking.photo import Photo
from tests.retrieval.hand_space import HandSpace
from tests.worlds import tile, write_geotiff

ID = "0123456789abcdef" * 2
HERE = Place(lat=10.0, lon=20.0)
SPACE = HandSpace({"snow": (1, 0, 0), HERE: (0, 1, 0), Item("articles", ID): (0, 0, 1), 7: (1, 1, 0)})


@pytest.mark.parametrize(
    ("what", "modality", "vector"),
    [
        ("snow", "articles", (1, 0, 0)),
        (HERE, "locations", (0, 1, 0)),
        (Item("articles", ID), "articles", (0, 0, 1)),
        (tile(7), "tiles", (0.5**0.5, 0.5**0.5, 0)),
    ],
    ids=["text", "place", "item", "image"],
)
def test_every_kind_of_part_is_read_by_the_encoder_of_its_modality(what, modality, vector):
    assert Part.of(what).modality == modality
    np.testing.assert_allclose(embed(Part.of(what).read()[0], SPACE), vector, atol=1e-6)


def test_an_image_file_is_the_tile_in_it_and_knows_its_place(tmp_path):
    path = tmp_path / "seven.tif"
    write_tile(tile(7, lat=3.0, lon=4.0, side=16), path)
    part = Part.of(path)
    assert part.modality == "tiles"
    np.testing.assert_allclose(embed(part.read()[0], SPACE), (0.5**0.5, 0.5**0.5, 0), atol=1e-6)
    _, place = part.read()
    assert place is not None
    assert (round(place.lat, 6), round(place.lon, 6)) == (3.5, 4.5)  # the middle of the tile, whose corner is at 3, 4


def test_an_image_file_that_cannot_be_read_is_named(tmp_path):
    words, empty = tmp_path / "words.tif", tmp_path / "empty.tif"
    words.write_text("not an image")
    write_geotiff(empty, {"B04": 0, "B08": 0})
    with pytest.raises(InputError, match=r"words\.tif: neither a GeoTIFF nor a PNG"):
        embed(Part.of(words).read()[0], SPACE)
    with pytest.raises(InputError, match=r"empty\.tif: the file has no valid pixel"):
        embed(Part.of(empty).read()[0], SPACE)


@pytest.mark.parametrize("weight", [0.0, float("nan"), float("inf")])
def test_a_weight_that_weighs_nothing_or_is_no_number_is_refused(weight):
    with pytest.raises(InputError, match="weight"):
        Part.of("snow", weight)


@pytest.mark.parametrize("id_", ["", "x' OR '1'='1", ID.upper(), ID + "0", ID + "\n"])
def test_what_cannot_be_the_id_of_a_record_is_refused_before_it_reaches_sql(id_):
    with pytest.raises(InputError, match="32 hexadecimal"):
        Item("articles", id_)


def test_an_item_of_an_unknown_modality_is_refused():
    with pytest.raises(InputError, match="'sounds'"):
        Item("sounds", ID)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "label"),
    [
        ("snow\n and   ice", "snow and ice"),
        (HERE, "place 10.0000, 20.0000"),
        (Item("tiles", ID), f"tiles {ID}"),
        (tile(7, title="Alps"), "Alps"),
        (tile(7), "image"),
        (Photo(pixels=np.ones((3, 1, 1), np.uint8)), "image"),
        (b"\x89PNG", "image"),
        (Path("alps.tif"), "alps.tif"),
        ("x" * 1_000_000, "x" * 200),
    ],
    ids=["text", "place", "item", "image", "image without title", "photo", "bytes", "file", "a very long text"],
)
def test_a_label_is_one_short_line(what, label):
    assert Part.of(what).label == label
