"""CIELAB as sRGB, the three components of vectors as colours, and maps painted with them."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from index.errors import InputError
from retrieval.atlas import components
from retrieval.atlas.components import colours_of, components_of, in_chunks
from retrieval.atlas.lab import lab_to_srgb
from retrieval.atlas.paint import paint, painted_png
from retrieval.heat.cells import Cells
from retrieval.heat.grids import MercatorTile, WorldGrid

RED, BLUE = (255, 0, 0), (0, 0, 255)


def as_lab(colours: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """CIELAB (D65) of sRGB [..., 3], by the definitions: the way back."""
    share = np.asarray(colours) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = [(0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041)]
    relative = linear @ np.array(to_xyz).T / [0.95047, 1, 1.08883]
    x, y, z = np.moveaxis(np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@pytest.mark.parametrize(
    ("lab", "srgb"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((100, 0, 0), (255, 255, 255)),
        ((50, 0, 0), (119, 119, 119)),  # Y = (66 / 116)^3 = 0.184, 1.055 Y^(1 / 2.4) - 0.055 = 0.466
        ((5, 0, 0), (17, 17, 17)),  # on the straight parts of both curves but the end: Y = 5 * 27 / 24389
        ((53.2408, 80.0925, 67.2032), RED),  # published values of the primaries
        ((87.7347, -86.1827, 83.1793), (0, 255, 0)),
        ((32.2970, 79.1875, -107.8602), BLUE),
    ],
)
def test_known_colours_are_met(lab: tuple[float, ...], srgb: tuple[int, ...]) -> None:
    np.testing.assert_allclose(lab_to_srgb(lab).astype(int), srgb, atol=1)


def test_every_colour_of_srgb_comes_back() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (2000, 3))
    np.testing.assert_allclose(lab_to_srgb(as_lab(colours)).astype(int), colours, atol=1)


def test_a_colour_that_srgb_lacks_keeps_lightness_and_hue_and_as_much_chroma_as_there_is() -> None:
    hues = np.radians(np.arange(0, 360, 15))
    asked = np.stack([np.full(24, 60.0), 150 * np.cos(hues), 150 * np.sin(hues)], axis=1)
    shown = lab_to_srgb(asked)
    seen = as_lab(shown)
    np.testing.assert_allclose(seen[:, 0], 60, atol=0.6)
    turned = np.angle(np.exp(1j * (np.arctan2(seen[:, 2], seen[:, 1]) - hues)), deg=True)
    np.testing.assert_allclose(turned, 0, atol=2)
    assert ((shown.min(axis=1) <= 12) | (shown.max(axis=1) >= 254)).all()  # at the edge of what there is


def test_components_are_the_axes_of_most_variance_and_say_how_much() -> None:
    corners = np.array([(x, y, z) for x in (-3, 3) for y in (-2, 2) for z in (-1, 1)])
    vectors = np.concatenate([np.full((8, 1), 5.0), corners], axis=1)  # variances 0, 9, 4, 1
    found = components_of(vectors)
    np.testing.assert_allclose(found.explained, np.array([9, 4, 1]) / 14, atol=1e-6)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(corners), atol=1e-5)
    assert len(np.unique(found.colours, axis=0)) == 8


def test_all_vectors_are_projected_although_axes_come_from_a_sample_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(500, 6)) * [9, 6, 4, 0.1, 0.1, 0.1]).astype(np.float16)
    whole = components_of(vectors)
    monkeypatch.setattr(components, "CHUNK", 64)
    np.testing.assert_allclose(components_of(vectors).scores, whole.scores, atol=1e-4)
    monkeypatch.setattr(components, "MAX_FITTED", 250)
    sampled = components_of(vectors)
    assert sampled.scores.shape == (500, 3)
    np.testing.assert_allclose(np.abs(sampled.scores), np.abs(whole.scores), atol=3)
    np.testing.assert_array_equal(components_of(vectors).scores, sampled.scores)
    assert not np.array_equal(components_of(vectors, seed=1).scores, sampled.scores)


def test_the_first_component_is_lightness_and_one_odd_place_does_not_darken_the_others() -> None:
    scores = np.zeros((101, 3))
    scores[:, 0] = np.arange(101)
    scores[::2, 1:] = 1
    scores[[0, 50, 100], 1:] = 0.5  # half way between the percentiles of the other two: no hue
    scores[100, 0] = 1e6
    # L* 25, 57.5 and 90, as Y = ((L + 16) / 116)^3.
    np.testing.assert_allclose(colours_of(scores)[[0, 50, 100]].astype(int), [[59] * 3, [138] * 3, [226] * 3], atol=1)
    red, green = as_lab(colours_of(scores)[[48, 49]])
    assert red[1] > 20 > -20 > green[1]


def test_too_little_for_three_components_is_refused() -> None:
    with pytest.raises(InputError, match="at least 4 vectors of 3 dimensions"):
        components_of(np.ones((3, 8)))
    with pytest.raises(InputError, match="at least 4 vectors of 3 dimensions"):
        components_of(np.ones((9, 2)))


def test_rows_go_through_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "CHUNK", 3)
    np.testing.assert_array_equal(in_chunks(np.arange(8)[:, None], lambda part: part[:, 0] * 2), np.arange(8) * 2)


def two_cells() -> tuple[Cells, npt.NDArray[np.uint8]]:
    """A red cell in the west, a blue one in the east; the rest is out of reach."""
    cells = Cells(np.ones((2, 1), dtype=np.float32), np.array([(0.0, -90.0), (0.0, 90.0)]), reach_km=3000)
    return cells, np.array([RED, BLUE], dtype=np.uint8)


def test_a_painted_pixel_has_the_colour_of_its_cell_and_none_at_sea() -> None:
    picture = paint(*two_cells(), WorldGrid(360, 180))
    assert picture[90, 90].tolist() == [*RED, 255]
    assert picture[90, 270].tolist() == [*BLUE, 255]
    assert picture[90, 180].tolist() == picture[0, 0].tolist() == [0, 0, 0, 0]


def test_a_painted_tile_is_read_back_as_it_was_drawn() -> None:
    cells, colours = two_cells()
    tile = MercatorTile(0, 0, 0)
    read = Image.open(io.BytesIO(painted_png(cells, colours, tile)))
    assert (read.mode, read.size) == ("RGBA", (256, 256))
    np.testing.assert_array_equal(np.asarray(read), paint(cells, colours, tile))
