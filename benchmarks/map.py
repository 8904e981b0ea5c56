"""How fast the page answers: key press to painted heat and hits, first page load, many users at once, memory over many questions.

    python benchmarks/map.py [--worlds demo million] [--queries 30] [--users 20] [--seconds 60] [--questions 1000] [--json FILE]

"demo" is the catalogue of `placebind demo` (``--demo FOLDER``, 100,364 locations); "million" is made once in ``--million
FOLDER``: 1,000,000 locations in clusters on the globe, embedded by a small model of 64 dimensions. A real Chromium types every
question into a page of a real `placebind ui` over loopback; no two questions are the same, so no cache answers. "hits" is when
the new hits are on the page, "heat" when every heat tile of the view has been painted, both from the key press; the browser runs
on the same cores.
"""

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import requests
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.search import Places, clustered_world
from index.store.ingest import ingest
from tests.ui.browser.visit import Visit, launch, serving
from ui.page import captions

ROWS, DIM = 1_000_000, 64
TILES = [(2, x, y) for x in range(4) for y in (1, 2)]  # what a screen of the whole Earth shows
SECTIONS = ("first load", "key press", "users", "memory")
MIB = 2**20

# Runs in the page before a key is pressed. Hits are new elements in every answer; heat gets another name in its address.
WATCH = """() => {
  const hit = () => [...document.querySelectorAll('*')].map(host => host.shadowRoot?.querySelector('.hit')).find(Boolean);
  const tiles = () => [...document.querySelector('iframe').contentDocument.querySelectorAll("img[src*='/api/v1/heat/']")];
  const name = tile => tile?.src.match(/heat.([0-9a-f]+)/)[1];
  const [oldHit, oldHeat] = [hit(), name(tiles()[0])];
  window.painted = new Promise(done => document.addEventListener('keydown', () => {
    const [start, taken] = [performance.now(), {}];
    const look = () => {
      const now = tiles();
      if (!taken.hits && hit() && hit() !== oldHit) taken.hits = performance.now() - start;
      if (!taken.heat && now.length && now.every(tile => name(tile) !== oldHeat && tile.classList.contains('leaflet-tile-loaded')))
        taken.heat = performance.now() - start;
      if (taken.hits && taken.heat) done(taken); else requestAnimationFrame(look);
    };
    look();
  }, {capture: true, once: true}));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", choices=("demo", "million"), default=["demo", "million"])
    parser.add_argument("--demo", type=Path, default=Path("~/.placebind/demo").expanduser())
    parser.add_argument("--million", type=Path, default=Path(tempfile.gettempdir()) / "placebind-million")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--questions", type=int, default=1000, help="for the memory")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    figures = {
        name: measured(arguments.demo if name == "demo" else million(arguments.million), arguments) for name in arguments.worlds
    }
    Console(width=110).print(as_table(figures))
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f} at the end")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def million(folder: Path) -> Path:
    """The catalogue of a million locations, made if it is not there; a stopped build resumes."""
    from index.store.catalogue import Catalogue
    from retrieval.building.build import build_index
    from tests.conftest import TINY, fill
    from train.checkpoint import Checkpoint
    from train.config import TrainConfig
    from train.loop import train

    if (folder / "done").is_file():
        return folder
    started_s = time.perf_counter()
    catalogue = fill(folder)
    if not (folder / "checkpoint").is_dir():
        train(TrainConfig.parse(TINY | {"dim": DIM}, where="benchmark").resolved(), catalogue, folder / "checkpoint")
    catalogue = Catalogue.open(folder)
    ingest(catalogue, Places(clustered_world(ROWS, 2, 0).places))
    build_index(Checkpoint.open(folder / "checkpoint"), catalogue)
    (folder / "done").touch()
    print(f"made {ROWS:,} locations in {time.perf_counter() - started_s:.0f} s", flush=True)
    return folder


def measured(catalogue: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures by section; times in milliseconds."""
    questions = texts()
    with tempfile.TemporaryDirectory() as home, serving(f"world={catalogue}", home=Path(home)) as (address, process):
        until_warm(address)
        figures: dict[str, Any] = {
            "locations": requests.get(f"{address}/api/v1/status", timeout=60).json()["tables"]["locations"]["rows"]
        }
        with sync_playwright() as playwright:
            browser = launch(playwright)
            if "first load" in arguments.only:
                figures["first load"] = first_load(browser, address)
            if "key press" in arguments.only:
                figures["key press"] = key_press(browser, address, list(itertools.islice(questions, arguments.queries + 3)))
            browser.close()
        if "users" in arguments.only:
            figures["users"] = many_users(address, arguments.users, arguments.seconds, questions)
        if "memory" in arguments.only:
            figures["memory"] = memory(address, process, arguments.questions, questions)
    return figures


def texts() -> Iterator[str]:
    """Questions, all different."""
    kinds = ("volcanic", "frozen", "sandy", "green", "rocky", "flooded", "wooded", "dry", "salty", "busy", "lonely", "windy")
    forms = (
        "island",
        "valley",
        "coast",
        "plateau",
        "delta",
        "lake",
        "city",
        "harbour",
        "ridge",
        "plain",
        "gorge",
        "oasis",
        "atoll",
    )
    places = (
        "in the far north",
        "near the equator",
        "in Asia",
        "of South America",
        "by the sea",
        "on a border",
        "in Africa",
        "inland",
    )
    numbered = itertools.count()
    chance = random.Random(0)
    while True:
        yield f"{chance.choice(kinds)} {chance.choice(forms)} {chance.choice(places)}, number {next(numbered)}"


def until_warm(address: str) -> None:
    """The first question waits for models and vectors, as a first visitor's would; not what is measured here."""
    requests.get(f"{address}/api/v1/search", {"text": "warm"}, timeout=600).raise_for_status()
    heat = requests.get(f"{address}/api/v1/heat", {"text": "warm"}, timeout=600)
    heat.raise_for_status()
    requests.get(address + heat.json()["tiles"].format(z=2, x=1, y=1), timeout=600).raise_for_status()


def first_load(browser: Browser, address: str) -> dict[str, float]:
    """A fresh browser: the time until the base map is painted and the page at rest, and the bytes over the wire."""
    taken_ms, sent = [], []
    for _ in range(5):
        visit = Visit(browser, address)
        finished: list[Any] = []
        visit.page.on("requestfinished", lambda request, finished=finished: finished.append(request))
        started_s = time.perf_counter()
        visit.open()
        taken_ms.append(1000 * (time.perf_counter() - started_s))
        visit.page.wait_for_load_state("networkidle")
        sizes = [request.sizes() for request in finished]
        sent.append(sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes))
        visit.close()
    return {"p50": float(np.median(taken_ms)), "worst": max(taken_ms), "mib": float(np.median(sent)) / MIB, "requests": len(sizes)}


def key_press(browser: Browser, address: str, questions: list[str]) -> dict[str, float]:
    """From Enter to painted hits and heat, the whole Earth in view; the first three questions warm up."""
    visit = Visit(browser, address)
    visit.open()
    box = visit.page.get_by_label(captions.ASK_LABEL)
    taken: dict[str, list[float]] = {"hits": [], "heat": []}
    for number, text in enumerate(questions):
        box.fill(text)
        visit.page.evaluate(WATCH)
        box.press("Enter")
        for what, ms in visit.page.evaluate("window.painted").items():
            taken[what] += [ms] if number >= 3 else []
        visit.quiet()
    visit.close()
    return {f"{what} p{percent}": float(np.percentile(ms, percent)) for what, ms in taken.items() for percent in (50, 95)}


def many_users(address: str, users: int, seconds: float, questions: Iterator[str]) -> dict[str, float]:
    """Each user searches, draws its heat, fetches eight tiles, and starts again without a pause."""
    taken: dict[str, list[float]] = {"search": [], "heat": [], "tile": []}
    errors, lock, begun_s = [0], threading.Lock(), time.monotonic()

    def get(session: requests.Session, what: str, url: str, **parameters: str) -> requests.Response | None:
        started_s = time.perf_counter()
        try:
            answer = session.get(url, params=parameters, timeout=60)
            answer.raise_for_status()
        except requests.RequestException as error:
            print(f"{what}: {error}", flush=True)
            errors[0] += 1
            return None
        taken[what].append(1000 * (time.perf_counter() - started_s))
        return answer

    def user(_: int) -> None:
        with requests.Session() as session:
            while time.monotonic() < begun_s + seconds:
                with lock:
                    text = next(questions)
                get(session, "search", f"{address}/api/v1/search", text=text)
                heat = get(session, "heat", f"{address}/api/v1/heat", text=text)
                for z, x, y in TILES if heat else ():
                    get(session, "tile", address + heat.json()["tiles"].format(z=z, x=x, y=y))

    with ThreadPoolExecutor(users) as pool:
        list(pool.map(user, range(users)))
    figures = {f"{what} p{percent}": float(np.percentile(ms, percent)) for what, ms in taken.items() for percent in (50, 95) if ms}
    requested, taken_s = sum(map(len, taken.values())), time.monotonic() - begun_s
    return {"users": users, "errors": errors[0], "requests": requested, "per second": requested / taken_s, **figures}


def memory(address: str, process: int, questions_asked: int, questions: Iterator[str]) -> dict[str, float]:
    """Resident memory of the server before, halfway and after; caches are full long before halfway."""
    resident = [rss_mib(process)]
    with requests.Session() as session:
        for number, text in enumerate(itertools.islice(questions, questions_asked), start=1):
            session.get(f"{address}/api/v1/search", params={"text": text}, timeout=60).raise_for_status()
            tiles = session.get(f"{address}/api/v1/heat", params={"text": text}, timeout=60).json()["tiles"]
            session.get(address + tiles.format(z=1, x=0, y=0), timeout=60).raise_for_status()
            if number in (questions_asked // 2, questions_asked):
                resident.append(rss_mib(process))
    return dict(zip(("before MiB", "half way MiB", "after MiB"), resident, strict=True)) | {"questions": questions_asked}


def rss_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def as_table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table("", "", title="times in ms, MiB where said", title_justify="left")
    for name, each in figures.items():
        table.add_column(f"{name}: {each['locations']:,}", justify="right")
    rows = {(section, what): None for each in figures.values() for section in SECTIONS for what in each.get(section, {})}
    for section, what in rows:
        values = (each.get(section, {}).get(what) for each in figures.values())
        table.add_row(section, what, *("" if value is None else f"{value:,.1f}" for value in values))
    return table


if __name__ == "__main__":
    main()
