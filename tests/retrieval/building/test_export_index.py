"""The vectors of a table as GeoParquet: every row, its place, its vector, and whose they are; read by others' libraries."""

from pathlib import Path

import geopandas
import numpy as np
import pytest

from index.errors import InputError
from index.search.snapshot import Snapshot, open_snapshot
from retrieval.building import export_index as module
from retrieval.building.export_index import export_index
from retrieval.export import vectors_of
from tests.worlds import article, catalogue_with, clustered, index_with


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    places = [(90.0, 0.0), (-90.0, 0.0), (1.5, 180.0), (-18.14, 178.44), (0.0, -0.0)]
    catalogue = catalogue_with(tmp_path / "c", articles=[article(f"a{n}", lat=lat, lon=lon) for n, (lat, lon) in enumerate(places)])
    index_with(catalogue, "articles", clustered(5, 8))
    return open_snapshot(catalogue, "articles")


@pytest.mark.parametrize("group", [2, 100])
def test_every_row_is_read_back_with_its_place_and_its_vector(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    monkeypatch.setattr(module, "WRITE_ROWS", group)
    path = tmp_path / "all.parquet"
    assert export_index(snapshot, path) == 5
    frame = geopandas.read_parquet(path)
    assert frame["id"].tolist() == snapshot.ids.to_pylist()
    assert frame.crs.to_epsg() == 4326 or frame.crs.to_authority() == ("OGC", "CRS84")
    assert [(point.y, point.x) for point in frame.geometry] == [tuple(place) for place in snapshot.places]
    np.testing.assert_array_equal(frame[["lat", "lon"]].to_numpy(), snapshot.places)
    said, vectors = vectors_of(path)
    np.testing.assert_array_equal(vectors, snapshot.vectors)
    assert {name: said[name] for name in ("model_digest", "dim", "metric", "modality", "preprocessing")} == {
        "model_digest": "3fa1" * 16, "dim": 8, "metric": "cosine", "modality": "articles", "preprocessing": {"name": "invented"},
    }  # fmt: skip


def test_another_ending_is_refused_and_nothing_written(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ending in \.parquet or \.geoparquet, got 'all\.csv'"):
        export_index(snapshot, tmp_path / "all.csv")
    assert not (tmp_path / "all.csv").exists()


def test_where_nothing_can_be_written_that_is_said_in_one_line(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*give a file in a folder that can be written") as said:
        export_index(snapshot, tmp_path / "nowhere" / "all.parquet")
    assert "\n" not in str(said.value)
