"""The worked examples of CONTRIBUTING.md: each is put where its first line says, found there by its name, and used."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from index.errors import InputError
from index.registry import load, names
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from retrieval import Space
from tests.conftest import TINY, World, fill
from tests.index import test_registry
from tests.train.encoders import test_location_contract
from tests.worlds import catalogue_with, clustered, index_with, location, locations
from train.config import TrainConfig
from train.loop import train
from train.probing.evaluation import Plan, evaluate, features_of, tasks_of
from train.probing.splits import Random
from ui.cli.main import main
from ui.page.panels import panels
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace, Workspaces

ROOT = Path(__file__).parent.parent
EXAMPLES = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL))
COMPONENTS = [
    ("index.sources", "lighthouses"),
    ("train.encoders.location", "radial"),
    ("train.probing.tasks", "longest_day"),
    ("index.search.backends", "signs"),
]
PROMISES = [name for name in vars(test_location_contract) if name.startswith("test_")]


@pytest.fixture(autouse=True)
def examples(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """All of them as files of their packages, for the time of a test."""
    modules = []
    for path, code in EXAMPLES.items():
        package, name = path.removesuffix(".py").replace("/", ".").rsplit(".", 1)
        folder = tmp_path_factory.mktemp(name)
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(importlib.import_module(package), "__path__", [*importlib.import_module(package).__path__, str(folder)])
        modules.append((package, name))
    yield
    for package, name in modules:
        if sys.modules.pop(f"{package}.{name}", None):
            delattr(sys.modules[package], name)


def test_there_is_an_example_of_each_kind() -> None:
    assert [path.rsplit("/", 1)[0] for path in EXAMPLES] == [
        "index/sources", "train/encoders/location", "train/probing/tasks", "index/search/backends", "ui/page/panels",
    ]  # fmt: skip


def test_no_example_has_the_name_of_a_file_that_is_there() -> None:
    assert [path for path in EXAMPLES if (ROOT / path).exists()] == []


@pytest.mark.parametrize("rule", ["check", "format --check"])
def test_the_examples_are_written_as_the_house_writes(rule: str, tmp_path: Path) -> None:
    for path, code in EXAMPLES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(code, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", *rule.split(), "--no-cache", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("package", "name"), COMPONENTS)
def test_an_example_keeps_the_contract_of_every_component(package: str, name: str) -> None:
    assert name in names(package)
    test_registry.test_every_part_says_where_it_stands_in_a_docstring(package, name)
    test_registry.test_every_part_has_frozen_options(package, name)
    test_registry.test_every_part_refuses_an_unknown_option_in_one_line(package, name)
    test_registry.test_every_part_is_built_from_its_options_by_name(package, name)


def test_the_source_has_its_command_and_brings_its_records_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_registry.test_every_source_names_the_licence_of_its_data("lighthouses")
    test_registry.test_every_option_of_a_source_is_described_for_the_command_line("lighthouses")
    file = tmp_path / "lights.txt"
    file.write_text("58.9 -3.6 Noss Head\nnowhere\n91 0 Beyond the pole\n")
    ingest = ["placebind", "ingest", "lighthouses", str(file), "--licence", "CC0-1.0", "--catalogue", str(tmp_path / "world")]
    monkeypatch.setattr(sys, "argv", ingest)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2, "two lines were skipped"
    rows = Catalogue.open(tmp_path / "world").column("locations", ["title", "lat", "lon", "licence"]).drop_columns("id")
    assert rows.to_pylist() == [{"title": "Noss Head", "lat": 58.9, "lon": -3.6, "licence": "CC0-1.0"}]


def test_the_source_says_in_one_line_which_file_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt: not a readable text file") as refused:
        list(load("index.sources", "lighthouses").build(paths=[tmp_path / "gone.txt"]).records())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("promise", PROMISES)
def test_the_encoder_keeps_what_every_location_encoder_promises(promise: str, tmp_path: Path) -> None:
    check = getattr(test_location_contract, promise)
    check("radial", *([tmp_path] if "tmp_path" in check.__annotations__ else []))


def test_two_steps_are_trained_with_the_encoder(tmp_path: Path) -> None:
    encoder = {"name": "radial", "options": {"centres": 32, "hidden": 16}}
    config = TrainConfig.parse(TINY | {"steps": 2, "location": encoder}, where="tests").resolved()
    train(config, fill(tmp_path / "world"), tmp_path / "model")
    space = Space.open(tmp_path / "model", tmp_path / "world")
    assert space.checkpoint.card.config.location.name == "radial"
    assert np.linalg.norm(space.embed_places([70.0, 5.0], [0.0, 0.0]), axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_the_task_has_the_days_that_the_almanac_has_and_latitude_scores_it(tmp_path: Path) -> None:
    (task,) = tasks_of(["longest_day"])
    labelled = task.load()
    hours = np.interp([-80.0, 0.0, 48.2, 80.0], *(column[np.argsort(labelled.lat)] for column in (labelled.lat, labelled.target)))
    assert hours == pytest.approx([0.0, 12.0, 15.9, 24.0], abs=0.1)
    features, _ = features_of(["sh:degrees=10", "lonlat"])
    rows = evaluate(Plan([task], features, [Random()], max_points=1000), tmp_path, workers=1).rows
    scores = {row.features: row.score for row in rows}
    assert scores["sh10"] > 0.95 > scores["lonlat"], "a straight line over latitude does not bend at the polar circles"


def test_the_backend_finds_nearly_all_that_the_exact_one_finds_and_keeps_a_filter(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path, locations=locations(2000))
    index_with(world, "locations", clustered(2000, 32))
    snapshot = open_snapshot(world, "locations")
    exact, signs = (load("index.search.backends", name).build(snapshot=snapshot) for name in ("exact", "signs"))
    queries = clustered(2000, 32)[::50]
    for rows in (None, np.arange(0, 2000, 3), np.array([7])):
        right, found = (backend.search(queries, 10, rows)[0] for backend in (exact, signs))
        assert found.shape == right.shape
        assert np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, right, strict=True)]) > 0.95
        assert rows is None or set(found.ravel()) <= set(rows)


def test_the_space_is_asked_with_the_backend(world: World) -> None:
    answer = Space.open(catalogue=world.folder, backend="signs").search("Ice and snow, far in the north", k=3)
    assert answer.ways["articles"].startswith("signs")
    assert {round(hit.place.lat) for hit in answer.hits["articles"]} == {70}


def _page() -> None:
    """What Streamlit runs: on its own, so with its own imports."""
    from ui.page.panels import panels
    from ui.server.workspace import served

    panels()["countries"].render(served().get())


def test_the_panel_counts_the_records_of_each_country(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [location("A", country="Chad"), location("B", lat=1.0, country="Chad"), location("C", lat=2.0)]
    catalogue_with(tmp_path / "world", locations=places)
    panels.cache_clear()
    assert [panel.TITLE for panel in panels().values()] == ["Search", "Names", "Classes", "Atlas", "Index", "Countries"]
    workspace = Workspace("world", tmp_path / "world", None, Uploads(tmp_path / "uploads"))
    monkeypatch.setattr("ui.server.workspace._served", Workspaces([workspace]))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    shown = AppTest.from_function(_page, default_timeout=60).run()
    assert not shown.exception
    assert [each.value for each in shown.subheader] == ["locations"]
    assert shown.dataframe[0].value.to_dict("records") == [
        {"country": "Chad", "records": 2}, {"country": "not said", "records": 1},
    ]  # fmt: skip
