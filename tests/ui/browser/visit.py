"""A real `placebind ui` and a real browser: what the tests, the screenshots and the benchmark of the page have in common."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Frame, Locator, Playwright, Request, Response, expect

from retrieval.asking.question import Question
from tests.homes import environment_of
from ui.page import captions

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_OUTSIDE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
WAIT_MS, LOOK_MS = 90_000, 100
MAPS = 'iframe[title="streamlit_folium.st_folium"]'
ADDRESS = re.compile(r"PlaceBind is at (http://localhost:\d+)")
# What Chromium says of Streamlit's own page and of its frames, word for word.
HARMLESS = {
    *(
        f"Unrecognized feature: '{name}'."
        for name in (
            "ambient-light-sensor", "battery", "document-domain", "layout-animations", "legacy-image-formats", "oversized-images",
            "vr", "wake-lock",
        )
    ),
    "An iframe which has both allow-scripts and allow-same-origin for its sandbox attribute can escape its sandboxing.",
}  # fmt: skip
# Streamlit looks for its server at the page's own address before it looks at the root.
LOOKED_FOR = re.compile(
    r"Failed to load resource: .* 404 \(Not Found\) \(http://localhost:\d+/(atlas|classes|locate|tables)/_stcore/(health|host-config)\)"
)


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium, else Playwright's own; it resolves no name but localhost. Raises ``Error`` where none starts."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    expect.set_options(timeout=WAIT_MS)
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", NO_OUTSIDE])


@contextmanager
def serving(*catalogues: str, home: Path) -> Iterator[tuple[str, int]]:
    """A server of catalogues (each FOLDER or NAME=FOLDER), as its address and process id; log and uploads are under ``home``."""
    options = [each for catalogue in catalogues for each in ("--catalogue", catalogue)]
    command = [sys.executable, "-m", "ui", "ui", "--port", "0", "--no-open", *options]
    log = home / "server.log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=stream, env=environment_of(home))
    try:
        yield _address_in(log, process), process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def _address_in(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Waits until the server says that it answers."""
    while not (found := ADDRESS.search(log.read_text())):
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"the server did not start: {log.read_text()}")
    return found[1]


class Visit:
    """One visitor with a browser context of their own, and what their browser complained of, sent, and asked other hosts for."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.address = address
        self.context = browser.new_context(**({"viewport": {"width": 1400, "height": 1000}} | context))
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.answers: list[Response] = []
        self.sent = 0  # messages to Streamlit; every rerun begins with one
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)
        self.page.on("response", lambda response: self.answers.append(response))
        self.page.on("websocket", lambda socket: socket.on("framesent", self._count))
        self.context.route(re.compile(rf"^https?://(?!{re.escape(urlsplit(address).netloc)}/)"), lambda route: route.abort())

    def open(self, question: Question | None = None, *, path: str = "", view: str = "", **more: str) -> "Visit":
        """A page, with a question as its permalink has it; ``more`` are further parameters. Returns when its map is there."""
        parameters = ({"ask": question.to_link()} if question else {}) | more
        self.page.goto(f"{self.address}/{path}?{urlencode(parameters)}{view}")
        self.map()
        self.quiet()
        return self

    def quiet(self) -> None:
        """Wait until no script runs on the server for this page. To be used after something that has begun one for sure."""
        expect(self.page.locator(".stApp")).to_have_attribute("data-test-script-state", "notRunning")

    def ask(self, text: str) -> None:
        """Type words, press Enter, wait for the hits."""
        box = self.page.get_by_label(captions.ASK_LABEL)
        box.fill(text)
        box.press("Enter")
        self.asked(lambda question: question.parts and question.parts[0].text == text)

    def asked(self, is_wanted: Any) -> Question:
        """Wait until the address has a question that is wanted, and the page has its hits; returns it."""
        self.page.wait_for_url(lambda url: (question := question_of(url)) is not None and is_wanted(question), timeout=WAIT_MS)
        expect(self.hits().first).to_be_visible()
        self.quiet()
        question = question_of(self.page.url)
        assert question is not None
        return question

    def map(self, number: int = 0) -> Frame:
        """The frame of a map that is drawn. It is looked up anew until then, as a first run of the page may put it elsewhere."""
        drawn = "!!(window.map && document.querySelector('.leaflet-tile-loaded'))"
        for _ in range(WAIT_MS // LOOK_MS):
            element = self.page.locator(MAPS).nth(number).element_handle(timeout=WAIT_MS)
            frame = element.content_frame() if element else None
            with suppress(Error):  # it went away in between
                if frame and frame.evaluate(drawn):
                    return frame
            self.page.wait_for_timeout(LOOK_MS)
        raise AssertionError(f"map {number} was not drawn within {WAIT_MS} ms")

    def painted(self, number: int = 0, heat: str = "") -> None:
        """Wait until every tile in view of a map has arrived, those of a heat with this in its address among them."""
        wanted = f"tiles.some(tile => tile.src.includes('{heat}')) && " if heat else ""
        self.map(number).wait_for_function(
            f"() => {{ const tiles = [...document.querySelectorAll('img.leaflet-tile')];"
            f" return {wanted}tiles.every(tile => tile.classList.contains('leaflet-tile-loaded')); }}",
            timeout=WAIT_MS,
        )

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        """Where on the screen a place of the first map is, in pixels; the map is scrolled into view."""
        frame = self.page.locator(MAPS).first
        frame.scroll_into_view_if_needed()
        found, box = self.map().evaluate("place => map.latLngToContainerPoint(place)", [lat, lon]), frame.bounding_box()
        assert box is not None
        return box["x"] + found["x"], box["y"] + found["y"]

    def hits(self, modality: str = "") -> Locator:
        return self.page.locator(f'.column[data-modality="{modality}"] .hit' if modality else ".hit")

    def titles(self, modality: str) -> list[str]:
        """Of the hits of a kind, once there are some."""
        expect(self.hits(modality).first).to_be_visible()
        return self.hits(modality).locator("strong").all_text_contents()

    def close(self) -> None:
        self.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        said = f"{message.text} ({message.location['url']})"
        if message.type in ("error", "warning") and message.text not in HARMLESS and not LOOKED_FOR.fullmatch(said):
            self.complaints.append(said)

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", "blob:", "about:")):
            self.outside.append(request.url)

    def _count(self, _: object) -> None:
        self.sent += 1


def question_of(url: str) -> Question | None:
    """The question that an address of the page links to."""
    asked = parse_qs(urlsplit(url).query).get("ask")
    return Question.from_link(asked[0]) if asked else None
