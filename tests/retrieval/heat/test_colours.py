"""The colour map and the PNGs, read back by another library."""

import numpy as np
import numpy.typing as npt
import pytest
import rasterio

from index.errors import InputError
from retrieval.heat.cells import Cells
from retrieval.heat.colours import TRANSPARENT, palette, png, shade
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat import Heat


def read(content: bytes) -> npt.NDArray[np.uint8]:
    """RGBA [H, W, 4]."""
    with rasterio.MemoryFile(content) as memory, memory.open(driver="PNG") as file:
        assert (file.count, file.dtypes[0]) == (1, "uint8")
        table = file.colormap(1)
        return np.array([table[index] for index in range(256)], dtype=np.uint8)[file.read(1)]


def lightness(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """CIE L* of sRGB colours [N, 3], 0 to 100 (IEC 61966-2-1)."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)


def test_equal_steps_of_the_palette_look_equally_bright() -> None:
    light = lightness(palette()[1:, :3])
    assert (np.diff(light[::5]) > 0).all()
    np.testing.assert_allclose(light, np.linspace(0, 98, 255), atol=6)  # magma is even in CAM02-UCS, nearly so in L*


def test_a_png_is_read_back_as_it_was_drawn() -> None:
    indices = np.random.default_rng(0).integers(0, 256, (5, 9)).astype(np.uint8)
    np.testing.assert_array_equal(read(png(indices)), palette()[indices])


def test_values_are_shaded_from_the_first_colour_to_the_last_and_what_is_missing_is_transparent() -> None:
    values = np.array([0, 0.5, 0.499, 1, np.nan, -3, 7], dtype=np.float32)
    assert shade(values).tolist() == [1, 128, 128, 255, TRANSPARENT, TRANSPARENT, 255]
    assert shade(values, transparent_below=0.6).tolist() == [0, 0, 0, 255, 0, 0, 255]
    above = np.array([0.59, 0.6, 0.8, 1], dtype=np.float64)
    assert shade(above, transparent_below=0.6).tolist() == [TRANSPARENT, 1, 128, 255], "what is drawn has all the colours"
    assert palette()[TRANSPARENT, 3] == 0
    assert (palette()[1:, 3] == 255).all()


def heat() -> Heat:
    """A cold cell in the west, a hot one in the east; the rest is out of reach."""
    cells = Cells(np.ones((2, 1), dtype=np.float32), np.array([(0.0, -90.0), (0.0, 90.0)]), reach_km=3000)
    return Heat(cells, np.array([0.1, 0.2], dtype=np.float32))


def test_a_tile_is_a_picture_of_256_pixels_transparent_where_there_is_no_data() -> None:
    picture = read(heat().tile_png(0, 0, 0))
    assert picture.shape == (256, 256, 4)
    assert picture[128, 64].tolist() == palette()[1].tolist()
    assert picture[128, 192].tolist() == palette()[255].tolist()
    assert picture[128, 128, 3] == 0  # 10,000 km from either
    np.testing.assert_array_equal(read(heat().tile_png(0, 0, 0, transparent_below=90))[:, :128, 3], 0)


def test_a_picture_of_the_world_has_the_size_asked_for() -> None:
    assert read(heat().png(WorldGrid(40, 20))).shape == (20, 40, 4)


def test_a_tile_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="at zoom 1 x and y of a tile lie in"):
        heat().tile_png(1, 2, 0)
