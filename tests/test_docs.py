"""What the documentation shows works: every command of the README runs, every link inside the repository leads somewhere."""

import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from index import http
from index.records import Place
from index.registry import REGISTRIES, load, names
from index.search import sql
from index.sources.geotiff_tiles import write_tile
from retrieval.asking import photo
from tests.conftest import coarse_tile
from tests.stac_world import Invented, files_of, served
from tests.worlds import DARK_LAND, write_csv, write_geotiff
from train.batching.sampling import SamplingOptions
from train.config import TrainConfig
from ui.cli.main import app, main
from ui.server import security, uploads

ROOT = Path(__file__).parent.parent
TRAINING = ROOT / "docs" / "training.md"
EVALUATED = {"train.probing.features", "train.probing.tasks"}  # registries of docs/evaluation.md, not of training
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def commands(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    return [line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ placebind")]


def torchrun_commands(page: Path) -> list[str]:
    """What torchrun is to start, as commands of ours."""
    return [
        f"placebind {rest}" for rest in re.findall(r"^\$ torchrun .*-m ui (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def run(monkeypatch, command: str) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0, command


def prepare_own_data(folder: Path) -> None:
    """The files that the section on own data names."""
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-60, 70, 40), rng.uniform(-180, 180, 40)
    texts = [f"Vineyards and a river at place {n}." for n in range(40)]
    pd.DataFrame({"latitude": lat, "longitude": lon, "text": texts}).to_parquet(folder / "articles.parquet")
    (folder / "tiles").mkdir()
    for number in range(3):
        write_tile(coarse_tile(Place(lat=10.0 * number, lon=5.0), 90, number), folder / "tiles" / f"{number}.tif")


def test_the_commands_on_own_data_run_in_the_order_of_the_readme(tmp_path, monkeypatch, capsys):
    prepare_own_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = [command for command in commands(ROOT / "README.md") if "world" in command]
    assert [command.split()[1] for command in shown] == ["ingest", "ingest", "ingest", "train", "index", "search", "info", "check"]
    for command in shown:
        run(monkeypatch, command)
    assert "score" in capsys.readouterr().out


def test_the_five_lines_of_python_that_the_readme_begins_with_run(world, tmp_path, monkeypatch, capsys):
    """On the tests' world, put where the demo's would be."""
    first, *_ = blocks(ROOT / "README.md", "python")
    assert len([line for line in first.splitlines() if line]) == 5
    (tmp_path / ".placebind").mkdir()
    (tmp_path / ".placebind" / "demo").symlink_to(world.folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    exec(compile(first, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["articles"] * 3 + ["tiles"] * 3 + ["locations"] * 3


def test_the_five_lines_of_shell_that_the_readme_begins_with_install_build_and_ask(world, monkeypatch, capsys):
    (first,) = blocks(ROOT / "README.md", "sh")
    lines = [line.split("  #")[0].strip() for line in first.splitlines()]
    extras = set(re.search(r"\[(\S+)\]", lines[1])[1].split(","))
    assert extras <= set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"])
    assert [line.split()[1] for line in lines[2:]] == ["demo", "search", "ui"]
    assert {"demo", "ui"} <= {command.name or command.callback.__name__ for command in app.registered_commands}
    monkeypatch.setenv("PLACEBIND_CATALOGUE", str(world.folder))
    run(monkeypatch, lines[3].removeprefix(".venv/bin/"))
    assert "score" in capsys.readouterr().out


def test_the_three_questions_of_the_readme_run(world, monkeypatch, capsys):
    """On the tests' world instead of the demo's, and with its tile instead of the example."""
    shown = [command for command in commands(ROOT / "README.md") if "search" in command and "world" not in command]
    assert len(shown) == 3
    monkeypatch.setenv("PLACEBIND_CATALOGUE", str(world.folder))
    for command in shown:
        run(monkeypatch, re.sub(r"~/\S+\.tif", str(world.tile_file), command))
        assert "score" in capsys.readouterr().out


def test_the_dry_runs_of_the_readme_ask_no_server(tmp_path, monkeypatch, capsys):
    shown = [command for command in commands(ROOT / "README.md") if "--dry-run" in command]
    assert len(shown) == 2
    monkeypatch.setenv("PLACEBIND_CATALOGUE", str(tmp_path / "untouched"))
    for command in shown:
        run(monkeypatch, command)
        assert "requests" in capsys.readouterr().out
    assert not (tmp_path / "untouched").exists()


@pytest.mark.parametrize("command", [*commands(TRAINING), *torchrun_commands(TRAINING)])
def test_every_command_on_training_gives_settings_that_exist(command, world, tmp_path, monkeypatch):
    """Nothing is trained: all that the command line does before is done, with the page's own file and a model to start from."""
    (file,) = blocks(TRAINING, "toml")
    (tmp_path / "run.toml").write_text(file)
    (tmp_path / "old-model").symlink_to(world.checkpoint)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACEBIND_CATALOGUE", str(world.folder))
    asked = []
    monkeypatch.setattr("ui.cli.training.train_one", lambda configs, *rest, **flags: asked.extend([False, *configs.values()]))
    monkeypatch.setattr("ui.cli.training.train_matrix", lambda configs, *rest, **flags: asked.extend([True, *configs.values()]))
    run(monkeypatch, command)
    is_matrix, *variants = asked
    assert is_matrix == ("--compare" in command)
    assert (sum(map(len, variants)) > 1) == is_matrix
    if "run.toml" in command:
        assert variants[0][0].architecture.options["gps_queue"] == 4096


def test_every_setting_and_every_part_of_training_is_described():
    """By its name, in code type, on the page on training."""
    described = described_on(TRAINING)
    settings = {*TrainConfig.model_fields, *SamplingOptions.model_fields} - {
        "location",
        "text",
        "image",
        "architecture",
        "sampling",
        "steps",
    }
    options = {
        name
        for part in names("train.objective.architectures")
        for name in load("train.objective.architectures", part).Options.model_fields
    }
    parts = {name for package in set(REGISTRIES) - EVALUATED if package.startswith("train.") for name in names(package)}
    assert settings | options | parts <= described


@pytest.mark.parametrize("package", sorted(EVALUATED))
def test_every_task_and_every_kind_of_features_is_described_on_the_page_on_evaluation(package):
    assert set(names(package)) <= described_on(ROOT / "docs" / "evaluation.md")


def described_on(page):
    """What stands in code type on a page, as `name` or `name=value`."""
    return set(re.findall(r"`([a-z_0-9]+)(?:=\w+)?`", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_commands_of_the_page_on_searching_run(world, tmp_path, monkeypatch, capsys):
    shown = commands(ROOT / "docs" / "searching.md")
    assert len(shown) >= 9
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACEBIND_CATALOGUE", str(world.folder))
    for command in shown:
        run(monkeypatch, command)
        assert capsys.readouterr().out, command
    assert {path.name for path in tmp_path.iterdir()} == {"hits.geojson", "snow.png", "snow.tif"}


def test_the_page_on_teaching_a_class_runs(world, tmp_path, monkeypatch, capsys):
    """On a copy of the tests' world, as saving labels changes it."""
    shutil.copytree(world.folder, tmp_path / "world")
    monkeypatch.chdir(tmp_path)
    places = [(70, 10, "+"), (70, 90, "+"), (5, 10, "-"), (5, 90, "-")]
    write_csv(tmp_path / "saltflats.csv", [{"lat": lat, "lon": lon, "label": label} for lat, lon, label in places])
    page = ROOT / "docs" / "labels.md"
    for command in commands(page):
        run(monkeypatch, f"{command} --catalogue world --width 64")
    assert "a label would tell most at" in capsys.readouterr().out
    (code,) = blocks(page, "python")
    exec(compile(code, "docs/labels.md", "exec"), {})
    assert "(256, 512)" in capsys.readouterr().out


def test_the_python_of_the_page_on_searching_runs(world, tmp_path, monkeypatch, capsys):
    (code,) = blocks(ROOT / "docs" / "searching.md", "python")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world").symlink_to(world.folder)
    exec(compile(code, "docs/searching.md", "exec"), {})
    assert "South" in capsys.readouterr().out, "the box lies in the tropics"


def test_the_commands_of_the_page_on_indexing_run_in_their_order(own_world, tmp_path, monkeypatch, capsys):
    shown = commands(ROOT / "docs" / "indexing.md")
    assert len(shown) >= 10
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACEBIND_CATALOGUE", str(own_world.folder))
    for command in shown:
        run(monkeypatch, command)
        assert capsys.readouterr().out, command
    assert (tmp_path / "locations.parquet").stat().st_size > 200 * 32 * 4


def test_the_commands_of_the_page_on_own_tiles_run_in_their_order(tmp_path, monkeypatch, capsys):
    """With the model that comes along, from four days of one small scene on a server of this machine, and in two steps."""
    monkeypatch.chdir(tmp_path)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    write_geotiff(tmp_path / "tile.tif", DARK_LAND, side=8)
    scenes = [Invented(f"day{day}", when=f"2023-06-0{day}T10:00:00Z") for day in (2, 4, 6, 8)]
    shown, told = commands(ROOT / "docs" / "own-tiles.md"), []
    assert [command.split()[1] for command in shown] == ["ingest", "ingest", "index", "train", "index", *3 * ["search"]]
    with served(scenes, files_of(scenes)) as server:
        instead = {
            "--bbox 48.1,16.2,48.4,16.6": f"--bbox 48.18,16.36,48.19,16.37 --tile-px 64 --endpoint {server.endpoint}",
            "--points 20000": "--points 300",
            "--only tiles": "--only tiles --steps 2 --set device=cpu",
        }
        for command in shown:
            for full, small in instead.items():
                command = command.replace(full, small)
            run(monkeypatch, command)
            told.append(capsys.readouterr())
    assert "left out" not in told[2].err
    assert "new vectors: 8 tiles" in told[2].out
    assert "locations: vectors kept, the encoder is the same as in the model that this one started from" in told[4].err
    assert all("score" in each.out for each in told[5:])


def test_the_page_on_architecture_shows_every_wing_in_the_order_of_the_contracts():
    (tree,) = blocks(ROOT / "docs" / "architecture.md", "text")
    packages = dict(re.findall(r"^(\w+)/ .*\n((?:  .*\n)+)", tree, flags=re.MULTILINE))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    assert [*packages] == contracts[0]["layers"]
    for contract in contracts:
        for package in contract.get("containers", ()):
            height = {wing: number for number, layer in enumerate(contract["layers"]) for wing in layer.split(" | ")}
            lines = [re.split(" {3,}", line.strip())[0] for line in packages[package].splitlines()]  # what is said of them is right
            shown = [height[wing.rstrip("/")] for line in lines for wing in line.split()]
            assert shown == sorted(height.values())


@pytest.mark.parametrize("folder", ["decisions", "sources"])
def test_a_folder_of_pages_is_listed_by_its_own_page_without_a_gap(folder):
    index = ROOT / "docs" / folder / "README.md"
    listed = re.findall(r"\]\((\S+\.md)\)", index.read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(page.name for page in index.parent.glob("*.md") if page != index)


def test_the_bounds_on_the_page_on_security_are_those_of_the_code():
    said = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())
    for bound in (
        f"At most {photo.MAX_BYTES // 2**20} MiB and {photo.MAX_PIXELS // 10**6} million pixels",
        f"at most {uploads.KEPT_BYTES // 2**20} MiB",
        f"At most {security.MAX_BODY_BYTES // 2**20} MiB, an upload {security.MAX_UPLOAD_BYTES // 2**20} MiB",
        f"at most {sql.MAX_CHARACTERS:,} characters, {sql.MAX_WORDS} names and operators, {sql.MAX_DEPTH} nested parentheses",
        f"SameSite=Lax, {security.MONTH_S // 86_400} days",
        f"at most {http.MAX_REDIRECTS} redirects",
    ):
        assert bound in said
