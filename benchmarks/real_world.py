"""Text to place on the held-out articles of a catalogue, beside the floors: random, and the place of the nearest article by TF-IDF.

    python benchmarks/real_world.py CATALOGUE

Only rows with split = 'val' are asked about; they lie in 5 degree blocks that hold no training row. The gallery is the catalogue's
table of locations. Accuracy is the share of articles put within that distance of their true place.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from index.catalogue import Catalogue
from index.vectors import read_embeddings
from retrieval import Space
from train.articles import cached_features, whole_text
from train.data import TRAINING, VALIDATION
from train.evaluate import geolocation_figures, tfidf_nearest

Places = npt.NDArray[np.float64]  # [N, 2]: lat, lon


def main(folder: Path) -> None:
    catalogue = Catalogue.open(folder)
    space = Space.open(folder / "checkpoint", folder)
    known = catalogue.column("articles", ["lat", "lon", "title", "text"], where=TRAINING)
    asked = catalogue.column("articles", ["lat", "lon", "title", "text", "source"], where=VALIDATION)
    known_texts, asked_texts = (
        [whole_text(*pair) for pair in zip(rows["title"].to_pylist(), rows["text"].to_pylist(), strict=True)]
        for rows in (known, asked)
    )
    known_places, truth = (np.stack([rows["lat"].to_numpy(), rows["lon"].to_numpy()], axis=1) for rows in (known, asked))
    gallery = read_embeddings(catalogue, "locations")
    vectors = space.embed_records("articles", asked["id"].to_pylist())
    predictions = {
        "random place of the gallery": gallery.places[np.random.default_rng(0).integers(len(gallery.ids), size=len(truth))],
        "TF-IDF nearest article": known_places[tfidf_nearest(known_texts, asked_texts)],
        "MiniLM nearest article": known_places[_minilm_nearest(space, catalogue, known["id"].to_pylist(), asked["id"].to_pylist())],
        "PlaceBind": gallery.places[(vectors @ gallery.vectors.T).argmax(axis=1)],
    }
    sources = np.array(asked["source"].to_pylist())
    for source in sorted(set(sources)):
        _print(
            f"{source}: {(sources == source).sum()} held-out texts, gallery of {len(gallery.ids):,} land points",
            predictions,
            truth,
            sources == source,
        )


def _minilm_nearest(space: Space, catalogue: Catalogue, known: list[str], asked: list[str]) -> npt.NDArray[np.int64]:

    tower = space.encoder("articles")
    best: npt.NDArray[np.int64] = (cached_features(catalogue, tower, asked) @ cached_features(catalogue, tower, known).T).argmax(
        axis=1
    )
    return best


def _print(title: str, predictions: dict[str, Places], truth: Places, rows: npt.NDArray[np.bool_]) -> None:
    table = Table("", "median km", "25 km", "200 km", "750 km", "2500 km", title=title, title_justify="left")
    for name, places in predictions.items():
        figures = geolocation_figures(*places[rows].T, *truth[rows].T)
        shares = [f"{figures[f'within_{km}_km']:.3f}" for km in (25, 200, 750, 2500)]
        table.add_row(name, f"{figures['median_km']:,.0f}", *shares)
    Console(width=120).print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
