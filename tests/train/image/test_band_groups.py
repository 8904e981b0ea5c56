"""Sentinel-2's bands in the groups of Presto and Galileo."""

import pytest
import torch

from train.image.band_groups import BANDS, GROUPS, NDVI, NIR, RED, complete_groups, with_ndvi


def test_ndvi_stands_behind_the_bands_and_is_zero_where_both_are_dark() -> None:
    pixels = torch.full((1, 10, 1, 3), 0.7)
    pixels[0, NIR, 0], pixels[0, RED, 0] = torch.tensor([0.4, 0.1, 0.0]), torch.tensor([0.1, 0.4, 0.0])
    found = with_ndvi(pixels)
    torch.testing.assert_close(found[0, NDVI, 0], torch.tensor([0.6, -0.6, 0.0]))
    assert torch.equal(found[:, :NDVI], pixels)


@pytest.mark.parametrize(
    ("missing", "incomplete"),
    [
        (set(), set()),
        ({"B03"}, {"S2_RGB"}),
        ({"B04"}, {"S2_RGB", "NDVI"}),
        ({"B08"}, {"S2_NIR_10m", "NDVI"}),
        ({"B8A", "B11"}, {"S2_NIR_20m", "S2_SWIR"}),
        (set(BANDS), set(GROUPS)),
    ],
)
def test_a_group_lacks_what_one_of_its_bands_lacks(missing: set[str], incomplete: set[str]) -> None:
    present = torch.tensor([[float(band not in missing) for band in BANDS]])
    (found,) = complete_groups(present).tolist()
    assert {name for name, complete in zip(GROUPS, found, strict=True) if not complete} == incomplete
