"""Pictures from outside: read as they are meant to be seen, upright and small, or refused in one line before they do harm."""

import random
import struct
import subprocess
import sys
import warnings
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from index.errors import InputError
from index.imagery.sensors import NASA_COARSE, SENTINEL2, Sensor
from index.records import Place, Tile
from retrieval.asking import photo
from retrieval.asking.parts import Part
from retrieval.asking.photo import Photo, read_image
from retrieval.asking.question import Question
from retrieval.space import Space
from tests.conftest import World, coarse_tile
from tests.worlds import write_geotiff
from train.image.image_input import BandInput

RED, GREEN, BLUE = (200, 10, 10), (10, 200, 10), (10, 10, 200)


def picture(*columns: tuple[int, ...], mode: str = "RGB", side: int = 8) -> Image.Image:
    """Stripes of these colours from left to right, each ``side`` x ``side``."""
    values = np.repeat(np.array([columns], dtype=np.uint8), side, axis=1).repeat(side, axis=0)
    return Image.fromarray(values.squeeze(2) if values.shape[2] == 1 else values, mode)


def file_of(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def left_and_right(read: Photo | Tile) -> list[list[int]]:
    """The colour in the middle of the left and of the right quarter."""
    _, height, width = read.pixels.shape
    return [read.pixels[:, height // 2, column].tolist() for column in (width // 4, 3 * width // 4)]


# What is read


@pytest.mark.parametrize(("kind", "slack"), [("PNG", 0), ("TIFF", 0), ("WEBP", 12), ("JPEG", 12)])
def test_every_format_gives_the_colours_of_the_picture_red_green_blue(kind: str, slack: int) -> None:
    read = read_image(file_of(picture(RED, BLUE), kind))
    assert isinstance(read, Photo)
    assert read.pixels.shape == (3, 8, 16)
    np.testing.assert_allclose(left_and_right(read), [RED, BLUE], atol=slack)
    assert (read.place, read.title) == (None, "")


def test_the_kind_is_told_by_the_content_and_the_title_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "holiday.tif"
    path.write_bytes(file_of(picture(RED, GREEN)))
    read = read_image(path)
    assert left_and_right(read) == [list(RED), list(GREEN)]
    assert read.title == "holiday"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (picture((60,), (200,), mode="L"), [[60] * 3, [200] * 3]),
        (picture(RED, BLUE).convert("P", palette=Image.Palette.ADAPTIVE), [list(RED), list(BLUE)]),
        (picture((60, 255), (200, 255), mode="LA"), [[60] * 3, [200] * 3]),
        (picture((0, 0, 0), (255, 255, 255)).convert("1"), [[1] * 3, [255] * 3]),
    ],
    ids=["grey", "palette", "grey with alpha", "black and white"],
)
def test_grey_and_palettes_become_colours_and_black_is_no_hole(image: Image.Image, expected: list[list[int]]) -> None:
    assert left_and_right(read_image(file_of(image))) == expected


def test_what_is_transparent_is_no_data() -> None:
    read = read_image(file_of(picture((*RED, 255), (*GREEN, 20), mode="RGBA")))
    assert left_and_right(read) == [list(RED), [0, 0, 0]]


def test_a_photo_is_turned_upright_as_its_camera_said() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen right it has to be turned a quarter clockwise: what is left comes to the top
    read = read_image(file_of(picture(RED, GREEN), "JPEG", exif=exif, quality=95))
    assert read.pixels.shape == (3, 16, 8)
    np.testing.assert_allclose([read.pixels[:, 4, 4], read.pixels[:, 12, 4]], [RED, GREEN], atol=12)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_photo_is_averaged_down_and_keeps_its_shape(kind: str) -> None:
    read = read_image(file_of(picture(RED, BLUE, side=1500), kind))
    assert read.pixels.shape == (3, 512, 1024)
    np.testing.assert_allclose(left_and_right(read), [RED, BLUE], atol=3)


def test_a_geotiff_with_bands_of_a_sensor_is_a_tile_also_from_bytes(world: World) -> None:
    by_name, by_content = read_image(world.tile_file), read_image(world.tile_file.read_bytes())
    assert isinstance(by_name, Tile)
    assert isinstance(by_content, Tile)
    np.testing.assert_array_equal(by_name.pixels, by_content.pixels)
    assert (by_name.place, by_name.title, by_content.title) == (by_content.place, "snow", "")


def test_a_coloured_geotiff_is_a_photo_that_knows_its_place(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "map.tif", RED, dtype="uint8")
    read = read_image(path)
    assert isinstance(read, Photo)
    assert read.place is not None
    assert (round(read.place.lat, 6), round(read.place.lon, 6)) == (0, 9)  # tests.worlds.EQUATOR_AT_9_EAST
    assert read.pixels[:, 0, 0].tolist() == list(RED)


def test_a_geotiff_whose_layers_are_named_as_colours_is_seen_in_these_whatever_their_order(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "aerial.tif", {"Blue": BLUE[2], "Green": 10, "Red": 20}, dtype="uint8", pixel=0.2)
    read = read_image(path)
    assert isinstance(read, Photo)
    assert read.pixels[:, 0, 0].tolist() == [20, 10, 200]


def test_a_geotiff_without_a_geotransform_is_a_photo_of_nowhere(tmp_path: Path) -> None:
    import rasterio

    path = write_geotiff(tmp_path / "a.tif", RED, dtype="uint8", crs="EPSG:4326", transform=rasterio.Affine.identity())
    read = read_image(path)
    assert isinstance(read, Photo)
    assert read.place is None


def test_measurements_without_a_place_are_no_photo(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "nowhere.tif", {"B04": 500, "B08": 900}, crs=None)
    with pytest.raises(InputError, match="names no coordinate system"):
        read_image(path)


# How a sensor would have measured it


def test_the_display_of_a_sensor_is_undone() -> None:
    read = Photo(pixels=np.array([0, 1, 85, 255], dtype=np.uint8).reshape(1, 1, 4).repeat(3, axis=0))
    # White is a reflectance of .3, that is 3,000 x 1e-4; a third of it is 1,000. No data stays no data.
    measured = read.measured_by(SENTINEL2, ("B02", "B03", "B04"))
    assert measured.pixels[:, 0].tolist() == [[0, 12, 1000, 3000]] * 3
    assert (measured.sensor, measured.bands) == ("sentinel2", ("B02", "B03", "B04"))
    assert read.measured_by(NASA_COARSE, ("red",)).pixels[0, 0].tolist() == [0, 1, 85, 255]


def test_colours_go_to_their_bands_and_others_are_as_on_average_where_there_is_a_pixel() -> None:
    read = Photo(pixels=np.array([[85, 0], [170, 0], [255, 0]], dtype=np.uint8)[:, None])
    measured = read.measured_by(
        SENTINEL2, ("B02", "B03", "B04", "B08")
    )  # .27 of the light near the infrared, index.imagery.sensors
    assert measured.pixels[:, 0].tolist() == [[3000, 0], [2000, 0], [1000, 0], [2700, 0]]


def test_a_picture_of_sentinel_2_is_shown_again_as_it_was() -> None:
    """Undone and then displayed as a tower does that wants pictures (train.image.image_input)."""
    shown = np.arange(1, 256, dtype=np.uint8)
    stored = Photo(pixels=np.tile(shown, (3, 1, 1))).measured_by(SENTINEL2, SENTINEL2.rgb).pixels
    as_picture = BandInput(SENTINEL2.rgb, (0.0,) * 3, (1.0,) * 3, white=SENTINEL2.white)
    again = as_picture.normalise(stored.astype(np.float32) * np.float32(SENTINEL2.scale), [0, 1, 2])
    np.testing.assert_allclose(again[0, 0] * 255, shown, atol=0.05)


# What is refused


def png_that_claims(width: int, height: int) -> bytes:
    """The first bytes of a PNG of any size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = [struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in (header, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(8001, 8000), (12_000, 12_000), (60_000, 60_000)])
def test_a_picture_that_would_not_fit_into_memory_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow warns of the second and raises for the third
        with pytest.raises(InputError, match="more than 51 million pixels"):
            read_image(png_that_claims(*size))


def test_a_webp_takes_more_memory_and_may_have_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "MAX_DECODED_BYTES", 20 * 64)
    assert read_image(file_of(picture((9, 9, 9), side=8), "WEBP")).pixels.shape == (3, 8, 8)
    with pytest.raises(InputError, match="save it smaller"):
        read_image(file_of(picture((9, 9, 9), side=9), "WEBP"))
    assert read_image(file_of(picture((9, 9, 9), side=9), "PNG")).pixels.shape == (3, 9, 9)


def test_eight_pictures_at_once_take_the_memory_of_one() -> None:
    """Of 20 million pixels, which are 2 kB of WebP, it would be 330 MB. The kernel measures, in a process of its own."""
    program = (
        "import pathlib, re, sys, threading\n"
        "from PIL import Image\n"
        "from retrieval.asking.photo import read_image\n"
        "data = sys.stdin.buffer.read()\n"
        "read_image(data)\n"
        "pathlib.Path('/proc/self/clear_refs').write_text('5')\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]) // 1024\n"
        "before = peak()\n"
        "threads = [threading.Thread(target=read_image, args=(data,)) for _ in range(int(sys.argv[1]))]\n"
        "[each.start() for each in threads], [each.join() for each in threads]\n"
        "print(peak() - before)"
    )
    bomb = file_of(Image.new("RGB", (2000, 2000)), "WEBP", lossless=True)
    assert len(bomb) < 2**15
    taken = [
        int(subprocess.run([sys.executable, "-c", program, str(count)], input=bomb, capture_output=True, check=True).stdout)
        for count in (1, 8)
    ]
    assert taken[1] < 1.5 * taken[0]


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "MAX_BYTES", 2**20)
    path = tmp_path / "long.png"
    path.write_bytes(file_of(picture(RED)) + bytes(2**20))
    for given in (path, path.read_bytes()):
        with pytest.raises(InputError, match="may have 1 MiB, this one has more"):
            read_image(given)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<VRTDataset rasterXSize='9' rasterYSize='9'/>",
        b"%PDF-1.7",
        b"/vsicurl/http://127.0.0.1/",
        file_of(picture(RED), "GIF"),
        file_of(picture(RED), "BMP"),
    ],
    ids=["empty", "SVG", "VRT", "PDF", "GDAL's network path", "GIF", "BMP"],
)
def test_other_formats_are_refused_whatever_they_would_make_a_decoder_do(content: bytes) -> None:
    with pytest.raises(InputError, match="neither a GeoTIFF nor a PNG, JPEG or WebP; save"):
        read_image(content)


def test_a_vrt_that_calls_itself_a_tiff_is_not_followed(tmp_path: Path, world: World) -> None:
    """GDAL tells a VRT by its content; ours is asked for as GeoTIFF only."""
    path = tmp_path / "trick.tif"
    source = f"<SimpleSource><SourceFilename>{world.tile_file}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
    band = f"<VRTRasterBand dataType='Byte' band='1'>{source}</VRTRasterBand>"
    path.write_text(f"<VRTDataset rasterXSize='32' rasterYSize='32'>{band}</VRTDataset>")
    with pytest.raises(InputError, match="neither a GeoTIFF"):
        read_image(path)


def test_files_beside_a_geotiff_are_not_looked_at(tmp_path: Path) -> None:
    """An .aux.xml could give it other bands, a .msk hide its pixels."""
    path = write_geotiff(tmp_path / "a.tif", {"B04": 500, "B08": 900})
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Description>B11</Description></PAMRasterBand></PAMDataset>"
    )
    read = read_image(path)
    assert isinstance(read, Tile)
    assert read.bands == ("B04", "B08")


def test_sixteen_bit_grey_is_refused_with_the_remedy() -> None:
    deep = Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16))
    with pytest.raises(InputError, match=r"8 bits per colour.*save it as an 8-bit PNG"):
        read_image(file_of(deep))


def test_a_picture_without_anything_in_it_is_refused() -> None:
    with pytest.raises(InputError, match="transparent everywhere"):
        read_image(file_of(picture((9, 9, 9, 0), mode="RGBA")))


def test_a_geotiff_from_bytes_has_the_limits_of_a_file(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "wide.tif", {"B04": 1}, side=2049, compress="deflate")
    with pytest.raises(InputError, match="limit 2048 px a side"):
        read_image(path.read_bytes())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # rasterio's log of what GDAL says of such a file
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GeoTIFF"])
def test_a_damaged_picture_is_read_or_refused_but_never_another_error(kind: str, world: World) -> None:
    rng = random.Random(0)
    exif = Image.Exif()
    exif[0x0112] = 3
    whole = world.tile_file.read_bytes() if kind == "GeoTIFF" else file_of(picture(RED, GREEN), kind, exif=exif)
    said = []
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            read_image(bytes(damaged[: rng.choice([len(whole), rng.randrange(len(whole))])]))
        except InputError as error:
            said.append(str(error))
    assert 30 < len(said) < 300
    assert "\n" not in "".join(said)


def test_a_missing_file_and_one_that_is_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(InputError, match=f"{path}: no such file"):
            Part.of(path).read()


@pytest.mark.parametrize(("pixel", "sensor"), [(0.2, SENTINEL2), (10, SENTINEL2), (150, SENTINEL2), (1200, NASA_COARSE)])
def test_a_picture_that_says_how_large_its_pixels_are_is_read_as_of_the_sensor_with_such_pixels(
    tmp_path: Path, pixel: float, sensor: Sensor
) -> None:
    read = read_image(write_geotiff(tmp_path / "map.tif", RED, dtype="uint8", pixel=pixel))
    assert isinstance(read, Photo)
    assert read.camera([SENTINEL2, NASA_COARSE]) == read.camera([NASA_COARSE, SENTINEL2]) == sensor
    assert read.camera([SENTINEL2]) == SENTINEL2, "a model that knows no other"


def test_a_picture_that_says_nothing_of_its_scale_is_read_as_of_the_first_sensor() -> None:
    read = read_image(file_of(picture(RED)))
    assert isinstance(read, Photo)
    assert [read.camera(learnt).name for learnt in ([SENTINEL2, NASA_COARSE], [NASA_COARSE, SENTINEL2])] == [
        "sentinel2",
        "nasa_coarse",
    ]


# In a trained world


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def snow_as(kind: str, brightness: int = 230) -> bytes:
    """What the red, green and blue of a tile of the north look like."""
    shown = coarse_tile(Place(lat=70.0, lon=10.0), brightness, 99).pixels[:3]
    return file_of(Image.fromarray(shown.transpose(1, 2, 0)), kind)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_photo_finds_what_a_tile_like_it_finds(space: Space, kind: str) -> None:
    answer = space.search(image=snow_as(kind), kinds=("articles", "tiles"), k=5)
    assert all(hit.place.lat == 70 for hit in answer)
    assert answer.query == "image"


def test_a_photo_has_no_place_so_distances_are_from_the_best_location(space: Space) -> None:
    answer = space.search(image=snow_as("PNG"), kinds=("locations",), k=1)
    assert answer.origin == answer.hits["locations"][0].place


def test_a_photo_is_the_tile_with_its_other_bands_as_on_average(space: Space) -> None:
    tile = coarse_tile(Place(lat=70.0, lon=10.0), 230, 99)
    flat = tile.pixels.copy()
    flat[3] = 140  # .55 x 255, index.imagery.sensors
    read = read_image(snow_as("PNG"))
    np.testing.assert_allclose(space.embed_images([read]), space.embed_images([replace(tile, pixels=flat)]), atol=1e-6)


def test_a_model_that_learnt_to_do_without_bands_is_given_the_colours_alone(world: World) -> None:
    space = Space.open(world.checkpoint, world.folder)
    card = space.checkpoint.card
    taught = card.model_copy(update={"config": card.config.model_copy(update={"few_bands_share": 0.15})})
    tile, read = coarse_tile(Place(lat=70.0, lon=10.0), 230, 99), read_image(snow_as("PNG"))
    with_mean = space.embed_images([read])
    space = Space(replace(space.checkpoint, card=taught), space.catalogue)
    colours = space.embed_images([replace(tile, pixels=tile.pixels[:3], bands=("red", "green", "blue"))])
    np.testing.assert_allclose(space.embed_images([read]), colours, atol=1e-6)
    assert np.abs(colours - with_mean).max() > 0.01


def test_a_coarse_picture_with_a_place_is_not_taken_for_sentinel_2_by_a_model_that_reads_both(world: World, tmp_path: Path) -> None:
    space = Space.open(world.checkpoint, world.folder)
    card = space.checkpoint.card
    both = card.model_copy(
        update={"sensors": ("sentinel2", "nasa_coarse"), "config": card.config.model_copy(update={"few_bands_share": 0.15})}
    )
    tile = coarse_tile(Place(lat=70.0, lon=10.0), 230, 99)
    colours = replace(tile, pixels=tile.pixels[:3], bands=("red", "green", "blue"))
    read = read_image(write_geotiff(tmp_path / "snow.tif", tile.pixels[:3], side=tile.pixels.shape[1], dtype="uint8", pixel=7400))
    space = Space(replace(space.checkpoint, card=both), space.catalogue)
    np.testing.assert_allclose(space.embed_images([read]), space.embed_images([colours]), atol=1e-6)


def test_photos_words_and_tiles_ask_together(space: Space, world: World) -> None:
    parts = (Part.of(snow_as("PNG")), Part.of("snow and ice"), Part.of(world.tile_file), Part.of(snow_as("WEBP", 90), -0.5))
    answer = space.search(Question(parts=parts), kinds=("locations",), k=3)
    assert all(hit.place.lat == 70 for hit in answer)
    assert answer.origin is not None
    assert (round(answer.origin.lat, 3), round(answer.origin.lon, 3)) == (70, 10), "the tile's"


def test_a_model_without_images_says_so(world: World) -> None:
    space = Space.open(world.checkpoint, world.folder)
    blind = space.checkpoint.card.model_copy(update={"sensors": ()})
    space.checkpoint = replace(space.checkpoint, card=blind)
    with pytest.raises(InputError, match="trained on no images, this one is a photo"):
        space.search(image=snow_as("PNG"))


def test_flags_of_an_ingest_are_not_advised_for_a_picture_to_ask_with_without_saying_whose_they_are(tmp_path):
    write_geotiff(tmp_path / "unnamed.tif", {"Band 1": 1000, "Band 2": 1200, "Band 3": 900, "Band 4": 3000, "Band 5": 2000})
    with pytest.raises(InputError, match=r"--bands .*flags of `placebind ingest geotiff-tiles`: a picture to ask with"):
        read_image(tmp_path / "unnamed.tif")
