"""What works without the packages of training: the base alone, and the lists in requirements/."""

import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from index.store.catalogue import Catalogue
from tests.lean import ROOT, base, environment, environment_variables, listed, run
from tests.worlds import articles, catalogue_with, locations, tile, write_csv

TRAINING = ("transformers", "sentence_transformers", "lightning_fabric", "sklearn", "joblib")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    lists = {"base": base(), **{name: list(listed(f"{name}.txt")) for name in ("encode", "serve", "demo")}}
    return {name: environment(folder / name, lines) for name, lines in lists.items()}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    catalogue_with(tmp_path / "world", articles=articles(3), locations=locations(30), tiles=[tile()])
    return tmp_path / "world"


def test_the_base_has_no_package_of_training_and_the_lists_have_no_torch(packages: dict[str, Path]) -> None:
    assert not [name for name in TRAINING if (packages["base"] / name).exists()]
    assert (packages["base"] / "torch").exists()
    for name in ("encode", "serve"):
        assert not [each for each in ("torch", "lancedb", "pandas", *TRAINING) if (packages[name] / each).exists()]
    assert not [each for each in ("torch", "transformers") if (packages["demo"] / each).exists()]


@pytest.mark.parametrize(
    ("name", "wings"),
    [
        ("base", "index train retrieval ui"),
        ("demo", "index.store index.search index.places train.queries.light train.encode retrieval.asking retrieval.ranking "
                 "retrieval.heat retrieval.atlas ui.page.panels ui.server ui.cli.commands"),
    ],
)  # fmt: skip
def test_every_module_is_imported_without_what_only_some_of_its_work_needs(
    name: str, wings: str, packages: dict[str, Path], tmp_path: Path
) -> None:
    program = (
        "import importlib, pkgutil, sys\n"
        "tops = [importlib.import_module(name) for name in sys.argv[1].split()]\n"
        "names = [each.name for top in tops for each in pkgutil.walk_packages(getattr(top, '__path__', []), top.__name__ + '.')]\n"
        "[importlib.import_module(each) for each in names if not each.endswith('__main__')]"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, wings], cwd=tmp_path, env=environment_variables(packages[name], tmp_path), text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_range_is_the_same_in_the_lists_and_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)}
    assert {*listed("demo.txt"), *listed("bare.txt")} <= known


@pytest.mark.parametrize("name", ["base", "demo"])
def test_records_are_ingested_indexed_and_found_and_training_says_what_it_needs(
    name: str, packages: dict[str, Path], world: Path
) -> None:
    def placebind(*arguments: str, code: int = 0) -> str:
        return run(packages[name], world.parent, *arguments, "--catalogue", str(world), code=code)

    file = write_csv(world.parent / "more.csv", [{"lat": 5, "lon": 6, "title": "Quiet Lake", "text": "A quiet lake in a forest."}])
    placebind("ingest", "parquet-articles", str(file))
    placebind("index", "build")
    assert "Quiet Lake" in placebind("search", "a lake among trees", "--no-names", "-k", "1", "--in", "articles")
    assert "Quiet Lake" in placebind("search", "quiet", "--words", "-k", "1", "--in", "articles")
    assert "km" in placebind("search", "--lat", "10", "--lon", "10", "-k", "1", "--in", "articles")
    said = placebind("train", "--steps", "1", code=2)
    assert said.strip().endswith("run `pip install 'placebind[train]'`"), said
    assert len(said.strip().splitlines()) == 1
    assert run(packages[name], world.parent, "doctor").count("placebind[train]") >= 1


def test_the_list_for_servers_answers_by_meaning_words_and_place(packages: dict[str, Path], world: Path) -> None:
    run(packages["demo"], world.parent, "index", "build", "--catalogue", str(world))
    found = run(packages["serve"], world.parent, "search", "a village", "--catalogue", str(world), "--no-names", "--in", "articles")
    assert "1 " in found
    command = [sys.executable, "-S", "-m", "ui", "serve", "--catalogue", str(world), "--port", "0"]
    variables = environment_variables(packages["serve"], world.parent)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables, cwd=world.parent) as server:
        assert server.stderr is not None
        address = server.stderr.readline().rpartition("API is at ")[2].split()[0]
        try:
            for question in ({"text": "a village"}, {"text": "village", "words": "true"}, {"lat": "10", "lon": "10"}):
                answer = httpx.get(f"{address}/search", params={**question, "kinds": "articles", "k": "1"}, timeout=60)
                assert len(answer.json()["hits"]["articles"]) == 1, answer.text
            status = httpx.get(f"{address}/status", timeout=60).json()
            assert status["tables"]["articles"]["rows"] == Catalogue.open(world).count("articles")
            assert "torch" not in status["versions"]
        finally:
            server.terminate()


def test_the_shortest_list_gives_vectors(packages: dict[str, Path], tmp_path: Path) -> None:
    program = (
        "from train.encode import Encoder; e = Encoder.open(); "
        "print((e.texts(['a glacier calving into a fjord']) @ e.places([78.2, -24.4], [15.6, -69.0]).T).argmax())"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=tmp_path, env=environment_variables(packages["encode"], tmp_path), text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["0"], done.stderr
