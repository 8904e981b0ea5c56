"""One server and one browser for all stories; every story is a visit of its own and must leave no complaint.

Both end with this folder: while Playwright runs, nothing else in the process can start an event loop.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from playwright.sync_api import Error, sync_playwright

from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.building.build import build_index
from tests.conftest import Records, World, coarse_tile
from tests.ui.browser.visit import Visit, launch, serving
from tests.worlds import Listed, article, catalogue_with, location
from train.checkpoint import Checkpoint

SHOT = '<img src=x onerror="window.__pwned=1"><script>window.__pwned=2</script>'
OWN = "<b onclick=window·__pwned=6>"  # the name of an own column
HOSTILE = {
    "markup": SHOT,
    "template": "`${window.__pwned=3}` \\${window.__pwned=4} {{window.__pwned}} %7B",
    "closing": "</strong></script><svg onload=window.__pwned=5>",
    "right to left": "\u202eمرحبا بالعالم שלום\u202c",
    "emoji": "🌋👩🏽‍🚀🇦🇹 e\u0301",
    "long": "W" * 1000,
}


@pytest.fixture(scope="package")
def chromium():
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error as error:
            pytest.skip(f"no Chromium can be started ({error.message.splitlines()[0]}); `make chromium` installs one")
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def address(_trained: World, tmp_path_factory):
    """Where the small world is served, beside itself under another name, a hostile one, and one with records but no model."""
    home = tmp_path_factory.mktemp("served")
    catalogue_with(home / "bare", articles=[article()])
    served = {
        "world": _trained.folder,
        "twin": _trained.folder,
        "hostile": _hostile(_trained, home / "hostile"),
        "bare": home / "bare",
    }
    with serving(*(f"{name}={folder}" for name, folder in served.items()), home=home) as (address, _):
        yield address


@pytest.fixture
def visitor(chromium, address):
    """Lets visitors in, each with cookies and storage of their own; none may have had an error or asked another host."""
    visits = []

    def enter(**context):
        visits.append(Visit(chromium, address, **context))
        return visits[-1]

    yield enter
    for each in visits:
        each.close()
    assert [complaint for each in visits for complaint in each.complaints] == []
    assert [outside for each in visits for outside in each.outside] == []


@pytest.fixture
def visit(visitor):
    """A visitor who has seen nothing yet."""
    return visitor()


def _hostile(world: World, folder: Path) -> Path:
    """A copy of the world with records of two countries, whose texts try to run scripts or to break the page."""
    shutil.copytree(world.folder, folder)
    catalogue = Catalogue.open(folder)
    countries = ("Norway", "Kenya")
    places = [Place(lat=60.0 - 3 * number, lon=10.0 + 5 * number) for number in range(len(HOSTILE))]
    named = list(zip(places, HOSTILE.items(), strict=True))
    articles = [
        Article(
            place=place,
            title=text,
            text=f"{text} Snow and ice about {kind}.",
            country=countries[row % 2],
            url=f"javascript:{row}",
            own={OWN: text, "beds": row},
        )
        for row, (place, (kind, text)) in enumerate(named)
    ]
    ingest(catalogue, Listed("articles", articles, own={OWN: pa.string(), "beds": pa.int64()}))
    tile = coarse_tile(Place(lat=61.0, lon=20.0), 230, 7)
    ingest(catalogue, Records("tiles", [replace(tile, title=SHOT)]))
    ingest(catalogue, Records("locations", [location(text, place.lat, place.lon) for place, (_, text) in named]))
    build_index(Checkpoint.open(folder / "checkpoint"), catalogue)
    return folder
