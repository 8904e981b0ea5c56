"""`placebind check` as a person and a script use it: a table, JSON, a picture, and exit codes that CI can rely on."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.records import Article, Location, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.conftest import Records, fill
from ui.cli.check_map import HEIGHT_PX, WIDTH_PX, to_pixels

RED, ORANGE = (255, 40, 60), (255, 190, 0)


@pytest.fixture
def run(run):
    """``placebind check`` in this process."""
    return partial(run, "check")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shared world of two parallels, and in it an error (Lima without its minus sign) and six warnings (no title)."""
    catalogue = fill(tmp_path / "world")
    lima = Article(
        place=Place(lat=12.05, lon=-77.04), title="Lima [centre]", text="The capital of Peru, in the desert.", country="Peru"
    )
    unnamed = [Article(place=Place(lat=50.0, lon=n), title="", text=f"{'abcdef'[n] * 40} near a town.") for n in range(6)]
    ingest(catalogue, Records("articles", [lima, *unnamed]))
    return tmp_path / "world"


def test_a_sound_catalogue_passes_with_exit_code_0(run, tmp_path):
    catalogue = Catalogue.open(tmp_path / "c", create=True)
    ingest(catalogue, Records("locations", [Location(place=Place(lat=48.2, lon=16.4), title="Vienna", country="Austria")]))
    code, out, _ = run("--catalogue", tmp_path / "c")
    assert code == 0
    assert "1 locations" in out
    assert "0 errors, 0 warnings, 0 notes" in out


def test_an_error_makes_exit_code_1_and_is_shown_with_its_remedy(run, folder):
    code, out, err = run("--catalogue", folder)
    shown = " ".join(out.split())
    assert code == 1
    assert "Traceback" not in err
    assert "1 errors, " in shown
    assert "Lima [centre]: " in shown
    assert "→ set the point to -12.05, -77.04" in shown
    assert "… and 1 more" in shown  # five of the six without a title are enough


def test_warnings_alone_keep_exit_code_0(run, tmp_path):
    catalogue = Catalogue.open(tmp_path / "c", create=True)
    ingest(catalogue, Records("articles", [Article(place=Place(lat=50.0, lon=5.0), title="Here", text="Ruins.")]))
    code, out, _ = run("--catalogue", tmp_path / "c")
    assert code == 0
    assert "0 errors, 1 warnings" in out


def test_json_lists_every_finding_and_its_record(run, folder):
    catalogue = Catalogue.open(folder)
    code, out, _ = run("--catalogue", folder, "--json")
    report = json.loads(out)
    assert code == 1
    assert report["records"] == {"articles": 55, "tiles": 24, "locations": 200}
    assert (report["errors"], report["map"]) == (1, None)
    assert report["warnings"] + report["notes"] + 1 == sum(report["kinds"].values()) == len(report["findings"])
    assert (report["kinds"]["wrong-sign"], report["kinds"]["no-title"]) == (1, 6)
    first = report["findings"][0]
    assert set(first) == {"kind", "severity", "table", "id", "title", "why", "remedy"}
    assert catalogue.rows("articles", [first["id"]], ["lat"])["lat"].to_pylist() == [12.05]


def test_the_map_has_a_red_ring_where_the_error_is(run, folder, tmp_path):
    code, out, _ = run("--catalogue", folder, "--map", tmp_path / "world.png")
    picture = np.asarray(Image.open(tmp_path / "world.png").convert("RGB"))[:HEIGHT_PX]
    rows, columns = np.nonzero((picture == RED).all(axis=-1))
    x, y = to_pixels(np.array([12.05]), np.array([-77.04]))
    assert code == 1
    assert str(tmp_path / "world.png") in out.replace("\n", "")
    assert (rows.mean().round(), columns.mean().round()) == (y[0], x[0])  # one ring, around Lima's wrong point
    assert (picture == ORANGE).all(axis=-1).sum() > 100
    assert [file.name for file in tmp_path.glob("*.png")] == ["world.png"]
    assert not list(tmp_path.glob("*.partial*"))


def test_the_corners_of_the_world_are_the_corners_of_the_map():
    lat, lon = np.array([90.0, 90.0, -90.0, 0.0, np.nan]), np.array([-180.0, 180.0, 180.0, 0.0, np.nan])
    x, y = to_pixels(lat, lon)
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [
        (0, 0), (WIDTH_PX - 1, 0), (WIDTH_PX - 1, HEIGHT_PX - 1), (WIDTH_PX // 2, HEIGHT_PX // 2), (0, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["world.jpg", "no-such-folder/world.png"])
def test_a_map_that_cannot_be_saved_is_refused_before_the_work(run, folder, tmp_path, name):
    code, out, err = run("--catalogue", folder, "--map", tmp_path / name)
    assert code == 2
    assert out == ""
    assert ".png" in err


def test_no_catalogue_is_a_failure_and_not_a_finding(run, tmp_path):
    code, _, err = run("--catalogue", tmp_path / "none")
    assert code == 2
    assert "placebind ingest" in err
