"""Where the page's front-end libraries lie: in ``ui/node_modules`` and served at ``/front/…``, or where they are absent on a CDN.

``npm ci --prefix ui`` -> ``ui/server/front_files.py`` serves them, and here is where the map (``ui/page/map.py``), the page of the
HTTP API and the outline of countries find them. The page loads nothing else from elsewhere: with the folder in place it needs no
network.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ui.server.addresses import FRONT, here

PACKAGES = Path(__file__).parents[1] / "package.json"
FOLDER = PACKAGES.with_name("node_modules")
CDN = "https://cdn.jsdelivr.net"


@dataclass(frozen=True)
class LeafletAddresses:
    """Where a page loads Leaflet and Leaflet.draw from; ``images`` is a folder, with a slash at its end."""

    js: str
    css: str
    images: str
    draw_js: str
    draw_css: str


def leaflet_addresses() -> LeafletAddresses:
    """Leaflet 1.9 (BSD-2-Clause) and Leaflet.draw (MIT), from this server or the CDN."""
    return LeafletAddresses(
        js=address("leaflet/dist/leaflet.js"),
        css=address("leaflet/dist/leaflet.css"),
        images=address("leaflet/dist/images/marker-icon.png").removesuffix("marker-icon.png"),
        draw_js=address("leaflet-draw/dist/leaflet.draw.js"),
        draw_css=address("leaflet-draw/dist/leaflet.draw.css"),
    )


def address(file: str) -> str:
    """The address of one file of a package, as 'leaflet/dist/leaflet.js': on this server if it is there, else on the CDN."""
    if (FOLDER / file).is_file():
        return here(f"{FRONT}/{file}")
    package, _, inside = file.partition("/")
    return f"{CDN}/npm/{package}@{versions()[package]}/{inside}"


def missing() -> list[str]:
    """The packages that are not there."""
    return [package for package in versions() if not (FOLDER / package).is_dir()]


def remedy() -> str:
    """The command that brings the packages."""
    return f"npm ci --prefix {PACKAGES.parent}"


@cache
def versions() -> dict[str, str]:
    """The packages of ``package.json`` and their exact versions."""
    versions: dict[str, str] = json.loads(PACKAGES.read_text(encoding="utf-8"))["dependencies"]
    return versions
