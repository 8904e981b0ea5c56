"""A class is taught by a few places of an invented Earth, on which a vector says how warm and how wet a place is."""

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import InputError
from index.geo import fibonacci_sphere
from index.records import Place
from retrieval.heat.cells import Cells
from retrieval.heat.grids import WorldGrid
from retrieval.labels.files import write_map
from retrieval.labels.labels import Label, Labels
from retrieval.labels.maps import UNSURE, teach


def embed(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Warm at the equator, wet in the east; two numbers more that say nothing."""
    lat, lon = np.radians(lat), np.radians(lon)
    noise = np.sin(np.outer(7919 * lat + 104729 * lon, [1.0, 1.3]))
    vectors = np.column_stack([np.cos(2 * lat), np.sin(lon), 0.3 * noise]).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def cells() -> Cells:
    places = np.column_stack(fibonacci_sphere(5_000))
    return Cells(embed(*places.T), places)


def warm(lat: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.abs(lat) < 30


def drawn(count: int, seed: int = 0) -> Labels:
    """Random places, labelled by the truth."""
    rng = np.random.default_rng(seed)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)
    return Labels(tuple(Label(Place(lat=a, lon=b), "warm" if abs(a) < 30 else "cold") for a, b in zip(lat, lon, strict=True)))


def test_three_clicks_give_a_map_that_is_mostly_right(cells: Cells) -> None:
    clicks = Labels.of([Place(lat=5, lon=20), Place(lat=-10, lon=-60)], [Place(lat=70, lon=20)])
    taught = teach(cells, embed, clicks)
    truth, said = warm(cells.places[:, 0]), taught.values("yes") > 0.5
    assert np.mean([said[truth].mean(), 1 - said[~truth].mean()]) > 0.75
    assert taught.verdict.accuracy is None
    assert "not measured: 'no' has 1 labels" in taught.verdict.sentence


def test_many_labels_are_believed_and_measured_in_blocks(cells: Cells) -> None:
    taught = teach(cells, embed, drawn(300))
    truth, said = warm(cells.places[:, 0]), taught.values("warm") > 0.5
    right = float(np.mean([said[truth].mean(), 1 - said[~truth].mean()]))
    verdict = taught.verdict
    assert verdict.accuracy == pytest.approx(right, abs=0.06)
    assert verdict.curve[-1] == (300, verdict.accuracy)
    assert [count for count, _ in verdict.curve] == sorted(count for count, _ in verdict.curve)
    np.testing.assert_allclose(taught.probabilities.sum(axis=1), 1, atol=1e-5)


def test_labels_that_mean_nothing_are_not_believed(cells: Cells) -> None:
    """Heads or tails at each place: the vectors know nothing of it."""
    honest = drawn(200)
    tossed = np.random.default_rng(1).choice(["heads", "tails"], 200)
    labels = Labels(tuple(Label(each.place, str(side)) for each, side in zip(honest.examples, tossed, strict=True)))
    verdict = teach(cells, embed, labels).verdict
    assert verdict.accuracy is not None
    assert verdict.accuracy < 0.65
    assert "hardly better" in verdict.sentence or "do not believe it" in verdict.sentence


def test_one_class_alone_stands_against_random_places_and_says_so(cells: Cells) -> None:
    taught = teach(cells, embed, Labels.of([Place(lat=0, lon=20), Place(lat=8, lon=100), Place(lat=-5, lon=-60)]))
    assert taught.classes == ("no", "yes")
    assert "1,000 random places count as 'no'" in taught.notes[0]
    near, far = cells.nearest([0.0, 85.0], [20.0, 0.0])
    assert taught.values()[near] > taught.values()[far]


def test_the_next_label_is_asked_for_where_the_classes_meet(cells: Cells) -> None:
    taught = teach(cells, embed, drawn(300))
    suggested = taught.next_places(4, min_km=1000)
    assert len(suggested) == 4
    for each in suggested:
        assert each.uncertainty > 0.99
        assert 15 < abs(each.place.lat) < 45
    certain = taught.uncertainty[cells.nearest([0.0], [90.0])]
    assert certain < 0.6


def test_what_is_asked_for_and_is_no_class_is_refused(cells: Cells) -> None:
    taught = teach(cells, embed, drawn(30))
    with pytest.raises(InputError, match="no class 'hot'; choose from cold, warm or uncertainty"):
        taught.values("hot")
    with pytest.raises(InputError, match="at least two labels"):
        teach(cells, embed, Labels.of([Place(lat=0, lon=0)]))


def test_files_have_every_class_and_the_uncertainty(cells: Cells, tmp_path) -> None:
    rasterio, geopandas = pytest.importorskip("rasterio"), pytest.importorskip("geopandas")
    taught = teach(cells, embed, drawn(60))
    write_map(taught, tmp_path / "map.tif", WorldGrid(64, 32))
    with rasterio.open(tmp_path / "map.tif") as file:
        assert file.descriptions == ("cold", "warm", UNSURE)
        assert "in blocks held out" in file.tags()["PLACEBIND_VERDICT"] or "not measured" in file.tags()["PLACEBIND_VERDICT"]
        np.testing.assert_allclose(file.read(2), taught.raster(WorldGrid(64, 32), "warm"))
    write_map(taught, tmp_path / "map.parquet", WorldGrid(64, 32))
    table = geopandas.read_parquet(tmp_path / "map.parquet")
    assert list(table.columns) == ["cold", "warm", UNSURE, "geometry"]
    assert len(table) == len(cells)
    np.testing.assert_allclose(table["warm"], taught.values("warm"), atol=1e-4)
    with pytest.raises(InputError, match="a map of classes is a"):
        write_map(taught, tmp_path / "map.jpg", WorldGrid(64, 32))
