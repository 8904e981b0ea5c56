"""Three architectures x three location encoders x three seeds, each with text only, tiles only and both, on the same records.

    python benchmarks/architectures.py [--data ../shared/data] [--work FOLDER] [--workers 4] [--steps 150] [--seeds 0 1 2]

Training data: the training articles, and coarse NASA tiles (never Sentinel-2) at land points outside the held-out blocks: texts and
tiles meet only through position. Queries: the held-out Wikipedia articles and a coarse tile at each of their places, in 5 degree
blocks without any training record; gallery of 50,000 land points. Text to tile recall@10 is among these exact pairs, mean of both
directions; no loss but that of ``fused`` ever compares a text with a tile. Probes: ridge on the location encoder's hidden layer,
five folds of whole 10 degree blocks. Cyclic training gets twice the steps where there are two modalities, so every run sees
equally many batches of each.

Results of a run are kept in its folder: a stopped benchmark resumes when started again. Mean and 95 % interval (t) over seeds.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from index.geo import block_of, fibonacci_sphere
from index.imagery.sensors import NASA_COARSE
from index.places.packaged import LAND_SHARE, is_land
from index.records import Place, Tile
from index.sources import parquet_articles
from index.sources.blue_marble import MAX_LAT, cut_square, load_world
from index.store.catalogue import Catalogue
from index.store.ingest import ingest

TEXTS = ("wikipedia_articles", "world_heritage", "ancient_places")
ARCHITECTURES = ("imagebind", "cyclic", "fused")
LOCATIONS = ("sh_siren", "xyz_rff", "voronoi")
MODALITIES = (("articles",), ("tiles",), ("articles", "tiles"))
TILES, GALLERY = 6_000, 50_000
WIKIPEDIA = "source LIKE '%ikipedia%'"
HELD_OUT = "split IN ('val', 'report')"
SETTINGS: dict[str, Any] = {
    "article_batch": 512, "tile_batch": 128, "validate_every": 10_000, "save_every": 50, "device": "cpu",
    "image": {"name": "multispectral", "options": {"size_px": 32}},
}  # fmt: skip
FIGURES = {
    "text_km": ("text to place, median km", 0), "text_200": ("<200 km", 3), "text_750": ("<750 km", 3),
    "tile_km": ("tile to place, median km", 0), "emergent": ("text-tile recall@10", 3),
    "temperature": ("temperature R2", 3), "elevation": ("elevation R2", 3), "koeppen": ("Koeppen acc.", 3),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--work", type=Path, help="folder for the catalogue and the runs (default: a temporary one)")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp())
    make_world(asked.data, work / "world")
    runs = [(*each, asked.steps, asked.data, work) for each in product(ARCHITECTURES, LOCATIONS, MODALITIES, asked.seeds)]
    with ProcessPoolExecutor(asked.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(one_run, *run) for run in runs]
        for each in track(as_completed(waiting), "runs", total=len(runs)):
            each.result()  # an error ends the benchmark at once
        results = [each.result() for each in waiting]
    table = pd.DataFrame(results)
    table.to_csv(work / "architectures.csv", index=False)
    print_table(table)
    print_second_modality(table)
    print(f"everything is in {work}")


def make_world(data: Path, folder: Path) -> None:
    """The catalogue; texts are encoded here, once for all runs."""
    catalogue = Catalogue.open(folder, create=True)
    ingest(catalogue, parquet_articles.build(paths=[data / "text" / f"{name}.parquet" for name in TEXTS]))
    held_out = catalogue.column("articles", ["lat", "lon"], where=HELD_OUT)
    asked = catalogue.column("articles", ["lat", "lon"], where=f"{HELD_OUT} AND {WIKIPEDIA}")
    blocks = np.unique(block_of(held_out["lat"].to_numpy(), held_out["lon"].to_numpy()))
    lat, lon = land(TILES)
    free = ~np.isin(block_of(lat, lon), blocks)
    places = [*zip(lat[free], lon[free], ["train"] * free.sum(), strict=True)]
    places += [(a, b, "val") for a, b in zip(asked["lat"].to_pylist(), asked["lon"].to_pylist(), strict=True)]
    ingest(catalogue, CoarseTiles(places))
    from train.config import TrainConfig
    from train.model import build_encoder
    from train.text.articles import Parts

    tower = build_encoder(TrainConfig.parse(SETTINGS, where="benchmark").resolved(), "articles")
    Parts(catalogue, tower, catalogue.column("articles", [])["id"].to_pylist(), 4)


class CoarseTiles:
    modality, key = "tiles", ""

    def __init__(self, places: Sequence[tuple[float, float, str]]) -> None:
        self.places, self.total = places, len(places)

    def records(self, finished: Any = frozenset()) -> Iterable[Tile]:
        world = load_world()
        for lat, lon, split in self.places:
            place = Place(lat=float(lat), lon=float(lon))
            pixels, bounds = cut_square(world, place)
            yield Tile(
                place=place,
                pixels=pixels,
                bands=NASA_COARSE.bands,
                sensor=NASA_COARSE.name,
                crs="EPSG:4326",
                bounds=bounds,
                split=split,
            )


def land(count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    lat, lon = fibonacci_sphere(round(count / LAND_SHARE))
    inside = is_land(lat, lon) & (np.abs(lat) < MAX_LAT)
    return lat[inside], lon[inside]


def one_run(
    architecture: str, location: str, modalities: tuple[str, ...], seed: int, steps: int, data: Path, work: Path
) -> dict[str, Any]:
    """Train (or resume) and evaluate one model, with one thread."""
    import torch

    from train.config import TrainConfig
    from train.loop import train

    torch.set_num_threads(1)
    out = work / "runs" / f"{architecture}-{location}-{'+'.join(modalities)}-seed{seed}"
    kept = out / "figures.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    steps *= 2 if architecture == "cyclic" and len(modalities) == 2 else 1
    config = TrainConfig.load(
        architecture=architecture, location=location, modalities=modalities, seed=seed, steps=steps, **SETTINGS
    )
    catalogue = Catalogue.open(work / "world")
    if not (out / "model.safetensors").exists():
        train(config, catalogue, out)
    named = {"architecture": architecture, "location": location, "modalities": "+".join(modalities), "seed": seed}
    figures = named | evaluate(out, catalogue, modalities, data)
    kept.write_text(json.dumps(figures))
    return figures


def evaluate(out: Path, catalogue: Catalogue, modalities: tuple[str, ...], data: Path) -> dict[str, float]:
    from retrieval.space import Space
    from train.checkpoint import Checkpoint
    from train.curve.geolocation import geolocation_figures

    space = Space(Checkpoint.open(out), catalogue, device="cpu")
    gallery_lat, gallery_lon = land(GALLERY)
    gallery = space.embed_places(gallery_lat, gallery_lon)
    figures: dict[str, float] = {}
    vectors = {}
    for modality, name, where in (("articles", "text", f"split = 'report' AND {WIKIPEDIA}"), ("tiles", "tile", "split = 'report'")):
        if modality in modalities:
            rows = catalogue.column(modality, ["lat", "lon"], where=where)
            lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
            vectors[name] = (space.embed_records(modality, rows["id"].to_pylist()), lat, lon)
            best = np.concatenate([(part @ gallery.T).argmax(axis=1) for part in np.array_split(vectors[name][0], 8)])
            found = geolocation_figures(gallery_lat[best], gallery_lon[best], lat, lon)
            figures |= {
                f"{name}_km": found["median_km"],
                f"{name}_200": found["within_200_km"],
                f"{name}_750": found["within_750_km"],
            }
    if len(vectors) == 2:
        figures["emergent"] = pair_recall(*vectors["text"], *vectors["tile"])
    return figures | probes(space, data)


def pair_recall(text: Any, text_lat: Any, text_lon: Any, tile: Any, tile_lat: Any, tile_lon: Any, k: int = 10) -> float:
    """Share of queries whose partner (the tile at the same place) is among the k best, mean of both directions; any of several
    texts at a place counts."""
    same = (np.abs(text_lat[:, None] - tile_lat) < 1e-9) & (np.abs(text_lon[:, None] - tile_lon) < 1e-9)
    cosines = text @ tile.T
    found = []
    for scores, right in ((cosines, same), (cosines.T, same.T)):
        top = np.argpartition(-scores, k, axis=1)[:, :k]
        found.append(np.take_along_axis(right, top, axis=1).any(axis=1).mean())
    return float(np.mean(found))


def probes(space: Any, data: Path) -> dict[str, float]:
    """Ridge on the hidden layer of the location encoder, folds of whole 10 degree blocks."""
    from sklearn.linear_model import RidgeClassifierCV, RidgeCV
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    found = {}
    for name, (file, column, ridge, score) in {
        "temperature": ("air_temperature_stations", "mean_air_temp_c", RidgeCV, r2_score),
        "elevation": ("elevation_consensus_airport_station", "elevation_m", RidgeCV, r2_score),
        "koeppen": ("labels_at_articles", "koppen_main", RidgeClassifierCV, accuracy_score),
    }.items():
        table = pd.read_parquet(data / "labels" / f"{file}.parquet").dropna(subset=[column])
        lat, lon, target = table["lat"].to_numpy(), table["lon"].to_numpy(), table[column].to_numpy()
        folds = GroupKFold(5).split(lat, groups=block_of(lat, lon, 10))
        model = make_pipeline(MinMaxScaler(), ridge(alphas=(0.1, 1, 10)))
        found[name] = float(score(target, cross_val_predict(model, hidden(space, lat, lon), target, cv=list(folds))))
    return found


def hidden(space: Any, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return space.encoder("locations").hidden(torch.from_numpy(lat.copy()), torch.from_numpy(lon.copy())).float().numpy()


def interval(values: npt.NDArray[np.float64]) -> float:
    """Half width of the 95 % interval of the mean (Student's t)."""
    from scipy import stats

    count = len(values)
    return float(stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")


def print_table(results: pd.DataFrame) -> None:
    shown = Table("architecture", "location", "learnt from", *(title for title, _ in FIGURES.values()), title_justify="left")
    for key, group in results.groupby(["modalities", "architecture", "location"], sort=False):
        modalities, architecture, location = key
        shown.add_row(architecture, location, modalities, *(cell(group, name, digits) for name, (_, digits) in FIGURES.items()))
    Console(width=190).print(shown)


def cell(group: pd.DataFrame, name: str, digits: int) -> str:
    values = group[name].dropna().to_numpy(dtype=float) if name in group else np.empty(0)
    return f"{values.mean():,.{digits}f} ± {interval(values):,.{digits}f}" if len(values) else ""


def print_second_modality(results: pd.DataFrame) -> None:
    """The effect of the second modality: both minus one alone, paired by architecture, location encoder and seed."""
    keys = ["architecture", "location", "seed"]
    shown = Table("figure", "both minus", "mean difference", "95 % interval", "pairs", title="Does the second modality help?")
    both = results[results.modalities == "articles+tiles"].set_index(keys)
    for name, alone in (
        ("text_km", "articles"), ("text_200", "articles"), ("text_750", "articles"), ("tile_km", "tiles"),
        *((probe, modality) for probe in ("temperature", "elevation", "koeppen") for modality in ("articles", "tiles")),
    ):  # fmt: skip
        single = results[results.modalities == alone].set_index(keys)
        difference = (both[name] - single[name]).dropna().to_numpy(dtype=float)
        digits, half = FIGURES[name][1], interval(difference)
        low, high = difference.mean() - half, difference.mean() + half
        shown.add_row(
            FIGURES[name][0],
            alone,
            f"{difference.mean():+,.{digits}f}",
            f"{low:+,.{digits}f} to {high:+,.{digits}f}",
            str(len(difference)),
        )
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
