import json
import os

import pytest

from tests.ui.conftest import open_to_visitors
from ui.server import front
from ui.server.front import address, leaflet_addresses

LOCK = front.FOLDER.parent / "package-lock.json"
SCRIPT = "L = 1;"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder with a package that is ours and one that is not, beside a file that is nobody's business."""
    folder = tmp_path / "ui" / "node_modules"
    for file in ("leaflet/dist/leaflet.js", "leaflet/dist/leaflet.css", "leaflet/dist/images/marker-icon.png", "other/index.js"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "leaflet" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "leaflet" / "folder").symlink_to(tmp_path)
    os.link(tmp_path / "secret.txt", folder / "hard.txt")
    monkeypatch.setattr(front, "FOLDER", folder)
    return folder


def test_what_is_installed_is_loaded_from_here_and_what_is_not_from_the_cdn(installed) -> None:
    addresses = leaflet_addresses()
    assert (addresses.js, addresses.css) == ("/front/leaflet/dist/leaflet.js", "/front/leaflet/dist/leaflet.css")
    assert addresses.images == "/front/leaflet/dist/images/"
    assert addresses.draw_js == "https://cdn.jsdelivr.net/npm/leaflet-draw@1.0.4/dist/leaflet.draw.js"
    assert front.missing() == ["leaflet-draw", "swagger-ui-dist", "world-atlas"]


def test_scripts_are_served_as_scripts(installed, visitor) -> None:
    for file, kind in (("leaflet.js", "text/javascript; charset=utf-8"), ("leaflet.css", "text/css; charset=utf-8")):
        answer = visitor.get(address(f"leaflet/dist/{file}"))
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, kind, SCRIPT)
        assert "max-age" in answer.headers["cache-control"]
        assert visitor.get(address(f"leaflet/dist/{file}"), headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_scripts_are_served_as_scripts_where_the_machine_takes_them_for_text(installed, visitor, monkeypatch) -> None:
    monkeypatch.setattr("starlette.responses.guess_type", lambda name: ("text/plain", None))
    assert visitor.get("/front/leaflet/dist/leaflet.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        "/front/../../secret.txt",
        "/front/%2e%2e/%2e%2e/secret.txt",
        "/front/leaflet/%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.txt",
        "/front/leaflet/..%2f..%2f..%2fsecret.txt",
        "/front/leaflet/../../../secret.txt",
        "/front/leaflet/%5c..%5c..%5csecret.txt",
        "/front//etc/passwd",
        "/front/%2fetc/passwd",
        "/front/leaflet/%00",
        "/front/leaflet/link.txt",
        "/front/leaflet/folder/secret.txt",
        "/front/hard.txt",
        "/front/other/index.js",
        "/front/leaflet/../other/index.js",
        "/front/leaflet",
        "/front/leaflet/dist/",
        "/front/",
        "/front",
        "/front/leaflet/" + "a" * 5000,
    ],
)
def test_nothing_but_the_files_of_our_packages_is_served(installed, visitor, path) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert SCRIPT not in answer.text


def test_a_missing_folder_is_not_found_instead_of_an_error(world, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(front, "FOLDER", tmp_path / "nowhere")
    visitor = open_to_visitors({"world": world.folder}, tmp_path, monkeypatch)
    assert visitor.get("/front/leaflet/dist/leaflet.js").status_code == 404


def test_the_lock_file_names_exact_versions_with_their_digests_and_no_registry() -> None:
    lock = json.loads(LOCK.read_text())
    assert "http" not in LOCK.read_text()
    packages = {name.removeprefix("node_modules/"): each for name, each in lock["packages"].items() if name}
    assert {name: packages[name]["version"] for name in front.versions()} == front.versions()
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
