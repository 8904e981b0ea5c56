"""Items as the providers give them out: which file is which band, and whether the offset of baseline 04.00 is still in.

The fixtures were written by hand after public answers of the APIs, shortened to what is read.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.imagery.stac import StacItem, stac_item_of
from index.imagery.stac_providers import BANDS, EarthSearch, PlanetaryComputer, Provider
from index.imagery.stac_views import offset_rule
from index.records import Rejected

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "stac"
LAND = np.full((12, 5), 1500, np.uint16)
V0 = Provider.at("https://earth-search.aws.element84.com/v0")


def answer(name: str) -> dict[str, Any]:
    item: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return item


def scene(item: dict[str, Any], provider: type[Provider]) -> StacItem:
    found = stac_item_of(item, provider.assets)
    assert isinstance(found, StacItem), found
    return found


@pytest.mark.parametrize(
    ("name", "provider", "baseline", "applied", "stated", "rule"),
    [
        ("earth_search_v0", V0, "04.00", True, None, "none"),
        ("earth_search_v1", EarthSearch, "05.09", True, -0.1, "none"),  # raster:bands say -0.1 though the flag is true
        ("earth_search_c1", EarthSearch, "05.10", False, -0.1, "remove"),
        ("planetary_computer", PlanetaryComputer, "05.09", None, None, "auto"),  # by the baseline
    ],
)
def test_the_items_of_every_provider_say_their_bands_their_grid_and_their_offset(
    name: str, provider: type[Provider], baseline: str, applied: bool | None, stated: float | None, rule: str
) -> None:
    found = scene(answer(name), provider)
    assert (found.epsg, found.bounds) == (32633, (600_000, 5_290_200, 709_800, 5_400_000))
    assert (found.baseline, found.offset_applied, found.offset_stated) == (baseline, applied, stated)
    assert set(found.hrefs) == {*BANDS, "SCL"}
    for band, href in found.hrefs.items():
        assert Path(href).stem.removesuffix("_10m").removesuffix("_20m").removesuffix("_60m").endswith(band), href
    assert offset_rule(found, LAND, "auto") == rule


@pytest.mark.parametrize(("offset", "rule"), [(0, "none"), (-0.1, "remove")])
@pytest.mark.parametrize("extension", [1, 2])
def test_what_the_bands_state_decides_where_no_flag_does(offset: float, rule: str, extension: int) -> None:
    item = answer("planetary_computer")
    for asset in item["assets"].values():
        if extension == 1:
            asset["raster:bands"] = [{"scale": 0.0001, "offset": offset}]
        else:
            asset |= {"raster:scale": 0.0001, "raster:offset": offset}
    assert offset_rule(scene(item, PlanetaryComputer), LAND, "auto") == rule


def test_an_offset_that_is_stated_is_not_taken_off_what_would_be_darker_than_anything_on_earth() -> None:
    found = dataclasses.replace(scene(answer("planetary_computer"), PlanetaryComputer), offset_stated=-0.1)
    assert offset_rule(found, np.full((12, 5), 400, np.uint16), "auto") == "none"


def test_bands_in_another_unit_leave_the_item_out() -> None:
    item = answer("earth_search_c1")
    item["assets"]["red"]["raster:bands"][0]["scale"] = 0.00002
    found = stac_item_of(item, EarthSearch.assets)
    assert isinstance(found, Rejected)
    assert "scale and offset 2e-05 and -0.1, 0.0001 and -0.1, expected 0.0001" in found.why


@pytest.mark.parametrize("said", [5, 5.0, "5.0"])
def test_a_cloud_cover_may_be_written_as_text(said: Any) -> None:
    item = answer("earth_search_v1")
    item["properties"]["eo:cloud_cover"] = said
    assert scene(item, EarthSearch).cloud_percent == 5
