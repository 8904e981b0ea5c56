"""How the tests of ui/ call the command line."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from retrieval.building.build import build_index
from tests.worlds import catalogue_with, location
from train.checkpoint import Card, Checkpoint, build_encoder, save_model
from train.config import Component, TrainConfig
from ui.cli.main import main
from ui.server.security import Guard, Rules
from ui.server.uploads import Uploads
from ui.server.workspace import Workspace, Workspaces


@pytest.fixture(autouse=True)
def _main_stays_main(monkeypatch):
    """Streamlit's AppTest puts its script into the place of ``__main__``, and processes that later tests start would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command in this process: (exit code, standard output, standard error)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["placebind", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def shipped(world, tmp_path, monkeypatch) -> Path:
    """The tests' small model in the place of the shipped one, and its folder."""
    folder = shutil.copytree(world.checkpoint, tmp_path / "shipped")
    monkeypatch.setattr("train.shipped.FOLDER", folder)
    return folder


@pytest.fixture
def visitor(world, tmp_path, monkeypatch) -> TestClient:
    """Asks the HTTP API and the front-end files of a server with the shared world in it, guarded as in earnest."""
    return open_to_visitors({"world": world.folder}, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def striped(tmp_path_factory) -> Path:
    """A catalogue of 9 latitudes times 12 longitudes, of a model that keeps appearance and identity apart. Nothing is trained. The
    only picture that it has seen is of stripes, so that each latitude looks the same all around."""
    folder = tmp_path_factory.mktemp("striped")
    Image.fromarray(np.repeat(np.arange(32, dtype=np.uint8)[:, None] * 8, 64, axis=1)).save(folder / "stripes.png")
    options = {
        "folder": str(folder), "pictures": ({"file": "stripes.png", "mode": "L"},), "width_px": 64, "degrees": 10, "hidden": 16,
        "fixed": 4, "fixed_identity": 4, "appearance": 32,
    }  # fmt: skip
    config = TrainConfig(location=Component(name="nested", options=options), dim=8).resolved()
    torch.manual_seed(0)
    encoder = build_encoder(config, "locations")
    encoder.load_pretrained()
    weights = {f"encoders.locations.{name}": value for name, value in encoder.state_dict().items()}
    save_model(folder / "checkpoint", weights, Card(config=config, trained_on={}, placebind_version="0"))
    grid = [location(lat=lat, lon=lon) for lat in range(-80, 81, 20) for lon in range(-180, 180, 30)]
    build_index(Checkpoint.open(folder / "checkpoint"), catalogue_with(folder, locations=grid))
    return folder


def open_to_visitors(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: Rules | None = None
) -> TestClient:
    """A server of these catalogues, without Streamlit. Its own errors come as answers, as they do to a browser."""
    from ui.server.serve import own_routes

    uploads = Uploads(tmp_path / "uploads")
    each = [Workspace(name, folder, folder / "checkpoint", uploads) for name, folder in folders.items()]
    monkeypatch.setattr("ui.server.workspace._served", Workspaces(each))
    rules = rules or Rules()
    app = Starlette(routes=own_routes(rules), middleware=[Middleware(Guard, rules=rules)])
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
