"""From a table of spectra to places: in a world where every region has its spectrum, which is another one in winter, the model of
its tiles finds the region of spectra that it has not seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.sources.spectra import build
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.space import ROW_COLUMNS, Space
from tests.train.small_worlds import ListSource, tile
from tests.worlds import write_parquet
from train.config import TrainConfig
from train.loop import train

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
PLACES, CHIPS, SIDE = 12, 16, 8
REGIONS = np.array([(60, 100), (50, -110), (35, 10), (25, 80), (5, 25), (-10, -60), (-25, 135), (-40, -70)], dtype=np.float64)


def spectra_of_regions() -> npt.NDArray[np.float64]:
    """[month of two, region, band]: in winter each region looks as another one does in summer, so the month must be read."""
    summer = np.random.default_rng(5).uniform(0.05, 0.5, (len(REGIONS), len(BANDS)))
    return np.stack([summer, summer[::-1]])


def rows() -> list[dict[str, Any]]:
    rng, found = np.random.default_rng(6), []
    for region, centre in enumerate(REGIONS):
        for place in range(PLACES):
            lat, lon = centre + rng.uniform(-3, 3, 2)
            for number, month in enumerate(("07", "01")):
                spectrum = spectra_of_regions()[number, region] + rng.normal(0, 0.01, len(BANDS))
                facts = {"place": f"{region} {place}", "lat": lat, "lon": lon, "date": f"month-{month}", "level": "L2A"}
                found.append(
                    facts | {"source": "world", "split": "" if place < 9 else "val"} | dict(zip(BANDS, spectrum, strict=True))
                )
    return found


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    """Learnt in seconds from tiles of one pixel, with chips of another source among them."""
    folder = tmp_path_factory.mktemp("spectral")
    catalogue = Catalogue.open(folder / "c", create=True)
    ingest(catalogue, build(paths=(write_parquet(folder / "spectra.parquet", rows()),)))
    chip = (10_000 * spectra_of_regions()[0, 0])[:, None, None].repeat(SIDE, 1).repeat(SIDE, 2).astype(np.uint16)
    ingest(
        catalogue, ListSource("tiles", [tile(chip + n, 60 + n / 10, 100, sensor="sentinel2", bands=BANDS) for n in range(CHIPS)])
    )
    settings = (
        "location.name=sh_siren", "location.options={degrees=6, hidden=64}", "image.name=spectral",
        "image.options={width=16, hidden=64, dropout=0.0}", "sampling.occasions=source_month",
    )  # fmt: skip
    config = TrainConfig.load(
        settings=settings, dim=32, steps=250, tile_batch=48, validate_every=250, device="cpu", few_bands_share=0.1,
        hidden_context_share=0.1,
    )  # fmt: skip
    checkpoint = train(config, catalogue, folder / "run").checkpoint
    return Space.open(checkpoint.path.parent, folder / "c", device="cpu")


def found_regions(space: Space, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    return np.asarray((vectors @ space.embed_places(*REGIONS.T).T).argmax(axis=1))


def test_the_region_of_an_unseen_spectrum_is_found_in_summer_and_in_winter(space: Space) -> None:
    held_out = space.catalogue.column("tiles", ["title"], where="split IN ('val', 'report')")
    vectors = space.embed_records("tiles", held_out["id"].to_pylist())
    expected = np.array([int(title.split()[0]) for title in held_out["title"].to_pylist()])
    assert len(expected) == 2 * 3 * len(REGIONS)
    assert (found_regions(space, vectors) == expected).mean() > 0.9


def test_an_image_from_outside_brings_its_month_along(space: Space) -> None:
    """The same pixel is of region 0 in July and of region 7, which looks so in winter, in January."""
    pixel = (10_000 * spectra_of_regions()[0, 0])[:, None, None].astype(np.uint16)
    asked = replace(tile(pixel, 0, 0, sensor="sentinel2", bands=BANDS), level="L2A")
    vectors = space.embed_images([replace(asked, date=date) for date in ("2024-07-15", "2024-01-15")])
    assert found_regions(space, vectors).tolist() == [0, 7]


def test_rows_and_records_of_the_catalogue_have_the_same_vectors(space: Space) -> None:
    ids = space.catalogue.column("tiles", [])["id"].to_pylist()[:20]
    rows = space.catalogue.rows("tiles", ids, ROW_COLUMNS["tiles"])
    np.testing.assert_allclose(space.embed_rows("tiles", rows), space.embed_records("tiles", ids), atol=1e-6)


def test_the_card_says_that_single_pixels_and_chips_are_sentinel_2(space: Space) -> None:
    assert space.checkpoint.card.sensors == ("sentinel2",)
    assert space.checkpoint.card.trained_on == {"tiles": 2 * 9 * len(REGIONS) + CHIPS}
