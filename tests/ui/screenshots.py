"""Pictures of the page for README and docs, of the demo world as `placebind demo` builds it.

    python -m tests.ui.screenshots [--catalogue ~/.placebind/demo] [--second FOLDER] [--out docs/images]

Each is 1,400 px wide, with a palette of 256 colours, and the same again for the same world and fonts. The model that the demo's is
compared with is made of the same records in a minute, by fewer steps and coarser spherical harmonics.
"""

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from index.store.catalogue import Catalogue
from retrieval.asking.question import Question
from retrieval.building.build import build_index
from tests.ui.browser.visit import Visit, launch, serving
from train.checkpoint import Checkpoint
from train.config import TrainConfig
from train.loop import train
from ui.cli.demo import TRAINING
from ui.page import captions
from ui.page.atlas import captions as words_atlas

WIDTH_PX = 1400
MOST_BYTES = 500_000
EXAMPLE = "example-nile-delta.tif"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path, default=Path("~/.placebind/demo").expanduser())
    parser.add_argument("--second", type=Path, default=Path(tempfile.gettempdir()) / "placebind-second")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "docs" / "images")
    parser.add_argument("--only", nargs="+", choices=SHOTS, default=list(SHOTS))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    served = (f"demo={arguments.catalogue}", f"coarse={second_world(arguments.catalogue, arguments.second)}")
    with tempfile.TemporaryDirectory() as home, serving(*served, home=Path(home)) as (address, _), sync_playwright() as playwright:
        browser = launch(playwright)
        for name in arguments.only:
            height_px, show = SHOTS[name]
            visit = Visit(browser, address, viewport={"width": WIDTH_PX, "height": height_px}, reduced_motion="reduce")
            show(visit, arguments.catalogue)
            write(visit, arguments.out / f"{name}.png")
            visit.close()


def second_world(demo: Path, folder: Path) -> Path:
    """The demo's records with another model, made if it is not there."""
    if (folder / "indexed").is_file():
        return folder
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns("checkpoint", "_derived"), dirs_exist_ok=True)
    coarse = (*TRAINING, "steps=100", "location.options.degrees=10")
    catalogue = Catalogue.open(folder)
    train(TrainConfig.load(None, coarse), catalogue, folder / "checkpoint")
    build_index(Checkpoint.open(folder / "checkpoint"), catalogue, rebuild=True)
    (folder / "indexed").touch()
    return folder


def show_text(visit: Visit, catalogue: Path) -> None:
    visit.open(Question.of("salt flat in the Andes"))
    visit.painted(heat="/api/heat/")


def show_image(visit: Visit, catalogue: Path) -> None:
    visit.open()
    visit.page.get_by_role("button", name=captions.IMAGE_BUTTON).click()
    visit.page.locator("input[type=file]").set_input_files(catalogue / EXAMPLE)
    visit.asked(lambda question: question.parts[0].image)
    visit.page.keyboard.press("Escape")


def show_place(visit: Visit, catalogue: Path) -> None:
    visit.open(view="#map=4/47.0000/14.0000")
    visit.page.mouse.click(*visit.at(48.2, 16.4))
    visit.asked(lambda question: question.parts[0].place)


def show_compare(visit: Visit, catalogue: Path) -> None:
    visit.open(Question.of("salt flat in the Andes"), view="#map=1/10.0000/0.0000")
    visit.page.get_by_label(captions.COMPARE).click()
    visit.page.get_by_role("option", name="coarse").click()
    expect(visit.page.locator(".columns")).to_have_count(2)
    visit.painted(1, heat="/api/heat/")


def show_atlas(visit: Visit, catalogue: Path) -> None:
    visit.open(path="atlas")
    visit.page.get_by_role("tab", name=words_atlas.CLUSTERS, exact=True).click()
    expect(visit.page.get_by_text(words_atlas.CLUSTERS_CHOOSE)).to_be_visible()


def show_index(visit: Visit, catalogue: Path) -> None:
    visit.page.goto(f"{visit.address}/tables")
    expect(visit.page.get_by_text("Model card")).to_be_visible()


SHOTS: dict[str, tuple[int, Callable[[Visit, Path], None]]] = {
    "map-text": (1080, show_text),
    "map-image": (1080, show_image),
    "map-place": (1080, show_place),
    "map-compare": (900, show_compare),
    "atlas": (900, show_atlas),
    "index": (900, show_index),
}


def write(visit: Visit, file: Path) -> None:
    """What the browser shows once nothing is on its way any more. Raises ``ValueError`` for a file too large for a repository."""
    visit.quiet()
    visit.page.mouse.move(WIDTH_PX - 2, 2)
    for times in visit.page.get_by_text("Found in").all():  # others in every run
        times.evaluate("element => { element.style.visibility = 'hidden'; }")
    if visit.page.locator("iframe").count():
        visit.painted()
    visit.page.wait_for_timeout(700)  # tiles fade in
    seen = Image.open(io.BytesIO(visit.page.screenshot(animations="disabled")))
    seen.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size:,} bytes")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file} has {file.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
