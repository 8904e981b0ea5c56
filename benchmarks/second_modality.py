"""Does a second modality help, where, and by how much? Three architectures, three seeds, beside the untrained twin.

    python -m benchmarks.second_modality WORK [--data ../shared/data] [--steps 200] [--seeds 0 1 2] [--workers 2]

The open question of Hecht et al. (arXiv:2606.20167), on unpaired data: located texts of all continents, and Sentinel-2
spectra as tiles of one pixel. They meet only through position. Learnt from texts alone, from tiles alone, or from both by
`imagebind`, `cyclic` and `fused`; with one modality the first two are the same. Cyclic training gets twice the steps, so that
every run sees equally many batches of each. Asked on the `report` slice, in blocks of 5 degrees without any training record:
the median distance from a text, and the share of the land that its true place, or that of a spectrum, beats; then tasks at
the hidden layer (ridge), in blocks of 10 degrees and with whole continents left out. Mean and 95 % interval (t) over seeds;
differences are paired by seed.

WORK gets the catalogue, the runs and their figures: a stopped benchmark resumes.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.architectures import interval, land
from benchmarks.shipped_data import TEXTS
from index.geo import geodesic_km
from index.places.continents import NAMES, continent_of
from index.sources import parquet_articles, spectra
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.space import Space
from train.checkpoint import Checkpoint
from train.config import TrainConfig
from train.loop import train
from train.probing.evaluation import Plan, evaluate, tasks_of
from train.probing.features.placebind import build as placebind
from train.probing.splits import split_of
from ui.console import ProgressBars

ARCHITECTURES = ("imagebind", "cyclic", "fused")
RUNS = (
    ("articles", "imagebind"), ("tiles", "imagebind"),
    *(("articles+tiles", name) for name in ARCHITECTURES),
)  # fmt: skip
TASKS = ("air_temperature", "precipitation", "elevation", "forest_cover", "mosaiks_population", "net_primary_productivity")
SPLITS = ("block", "continent")
WORLD_WIDE = "WorldCereal/presto-worldcereal"  # the only source of spectra that does not give its region away
GALLERY = 50_000
FEWEST = 20  # queries of a continent
PICTURES = Path(__file__).with_name("shipped_model.toml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with ProgressBars() as bars:
        catalogue = world(asked.data, asked.work / "world")
        runs = [(*each, seed) for each, seed in product(RUNS, asked.seeds)]
        for modalities, architecture, seed in runs:
            steps = asked.steps * (2 if architecture == "cyclic" else 1)
            config = TrainConfig.parse(
                {**settings(asked.data), "modalities": tuple(modalities.split("+")), "architecture": {"name": architecture},
                 "seed": seed, "steps": steps, "validate_every": steps}, where="benchmark",
            )  # fmt: skip
            out = folder(asked.work, modalities, architecture, seed)
            if not (out / "model.safetensors").exists():
                train(config, catalogue, out, progress=bars)
        rows = [row for run in runs for row in asked_of(asked.work, *run, catalogue)]
        rows += probed(asked.work, runs, asked.data, asked.workers, bars)
    table = pd.DataFrame(rows)
    table.to_csv(asked.work / "second_modality.csv", index=False)
    print("\n".join(lines(table)))


def folder(work: Path, modalities: str, architecture: str, seed: int) -> Path:
    return work / "runs" / f"{architecture}-nested-{modalities}-seed{seed}"


def settings(data: Path) -> dict[str, Any]:
    """A third of the shipped model's width: 15 of them have to be trained."""
    pictures = TrainConfig.load(PICTURES).location.options["pictures"]
    small = {"appearance": 384, "fixed": 96, "fixed_identity": 56, "hidden": 256}
    return {
        "location": {"name": "nested", "options": {"folder": str(data / "coarse"), "pictures": pictures, **small}},
        "text": {"name": "minilm"}, "image": {"name": "spectral", "options": {"size_px": 1}},
        "article_batch": 512, "tile_batch": 512, "few_bands_share": 0.2, "masked_share": 0.3, "dim": 128, "device": "cpu",
        "sampling": {"balance": "block_continent", "block_deg": 2, "occasions": "source_month"},
    }  # fmt: skip


def world(data: Path, where: Path) -> Catalogue:
    catalogue, done = Catalogue.open(where, create=True), where / "ingested.txt"
    if not done.is_file():
        ingest(catalogue, parquet_articles.build(paths=[data / f"text/{name}.parquet" for name in TEXTS]))
        ingest(catalogue, spectra.build(paths=[data / "s2_pixels/s2_pixels.parquet"], dates=4))
        done.touch()
    return catalogue


def asked_of(work: Path, modalities: str, architecture: str, seed: int, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """A row for each figure of texts and tiles, all together and by continent."""
    out = folder(work, modalities, architecture, seed)
    known = out / "figures.json"
    if not known.exists():
        known.write_text(json.dumps([*_asked_of(out, modalities, catalogue)]))
    for row in json.loads(known.read_text()):
        yield {"modalities": modalities, "architecture": architecture, "seed": seed, **row}


def _asked_of(out: Path, modalities: str, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    space = Space(Checkpoint.open(out), catalogue, device="cpu")
    lat, lon = land(GALLERY)
    gallery = space.embed_places(lat, lon)
    wanted = {"articles": "split = 'report'", "tiles": f"split = 'report' AND source = '{WORLD_WIDE}'"}
    for modality in ("articles", "tiles"):
        if modality not in modalities:
            continue
        rows = catalogue.column(modality, ["lat", "lon"], where=wanted[modality])
        at_lat, at_lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
        vectors = space.embed_records(modality, rows["id"].to_pylist())
        scores = [part @ gallery.T for part in np.array_split(vectors, 16)]
        best = np.concatenate([part.argmax(axis=1) for part in scores])
        own = (vectors * space.embed_places(at_lat, at_lon)).sum(axis=1)
        beaten = np.concatenate(
            [(part < one[:, None]).mean(axis=1) for part, one in zip(scores, np.array_split(own, 16), strict=True)]
        )
        errors = geodesic_km(lat[best], lon[best], at_lat, at_lon)
        continent = continent_of(at_lat, at_lon)
        for name in ("all", *NAMES):
            held = np.ones(len(errors), bool) if name == "all" else continent == NAMES.index(name)
            if held.sum() >= FEWEST:
                yield {"figure": f"{modality}, median km", "where": name, "value": float(np.median(errors[held]))}
                yield {"figure": f"{modality}, beaten", "where": name, "value": float(np.median(beaten[held]))}


def probed(
    work: Path, runs: Sequence[tuple[str, str, int]], data: Path, workers: int, bars: ProgressBars
) -> Iterator[dict[str, Any]]:
    """A row for each task, split and model; the untrained twins are those of the first run."""
    named = {str(run): placebind(checkpoint=folder(work, *run), layer="hidden", label=str(run)) for run in runs}
    twins = {f"untrained {seed}": twin for seed, twin in enumerate(next(iter(named.values())).twins())}
    plan = Plan(
        tasks_of(TASKS, folder=data / "labels"), [*named.values(), *twins.values()], [split_of(each) for each in SPLITS], "ridge"
    )
    found = evaluate(plan, work / "probed", bars, workers)
    run_of = {features.digest: run for run, features in zip(runs, named.values(), strict=True)}
    run_of |= {features.digest: ("nothing", "untrained", seed) for seed, features in enumerate(twins.values())}
    for row in found.rows:
        modalities, architecture, seed = run_of[row.features_digest]
        common = {"modalities": modalities, "architecture": architecture, "seed": seed}
        yield {**common, "figure": f"{row.task}, {row.split}", "where": "all", "value": row.score}
        if row.split == "continent":
            yield {**common, "figure": f"{row.task}, {row.split}", "where": "mean", "value": float(np.mean(row.folds))}


def lines(table: pd.DataFrame) -> Iterator[str]:
    """Each figure by model, then what the second modality changes."""
    columns = [("nothing", "untrained"), *RUNS]
    yield "| | where | " + " | ".join(", ".join(each) for each in columns) + " |"
    yield "|---|---|" + "---|" * len(columns)
    for (figure, where), rows in table.groupby(["figure", "where"], sort=False):
        cells = [
            _cell(rows[(rows.modalities == one) & (rows.architecture == other)]["value"], str(figure)) for one, other in columns
        ]
        yield f"| {figure} | {where} | " + " | ".join(cells) + " |"
    yield (
        "\n| both minus one alone | where | "
        + " | ".join(f"{one}: {name}" for one in ("articles", "tiles") for name in ARCHITECTURES)
        + " |"
    )
    yield "|---|---|" + "---|" * 2 * len(ARCHITECTURES)
    for (figure, where), rows in table.groupby(["figure", "where"], sort=False):
        by = rows.set_index(["modalities", "architecture", "seed"])["value"].sort_index()
        cells = []
        for one, name in product(("articles", "tiles"), ARCHITECTURES):
            both, alone = (
                by.loc[key] if key in by.index else pd.Series(dtype=float) for key in (("articles+tiles", name), (one, "imagebind"))
            )
            cells.append(_cell((both - alone).dropna(), str(figure), sign="+"))
        yield f"| {figure} | {where} | " + " | ".join(cells) + " |"


def _cell(values: pd.Series, figure: str, sign: str = "") -> str:
    digits = 0 if figure.endswith("km") else 3
    if values.empty:
        return ""
    return f"{values.mean():{sign},.{digits}f} ± {interval(values.to_numpy()):,.{digits}f}"


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
