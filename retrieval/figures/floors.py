"""What a model must beat: the place of the nearest known article by words or by the frozen text tower, and random order."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index.store.catalogue import Catalogue
from retrieval.figures.held_out import HeldOut
from retrieval.figures.placing import Placed, errors_km, place_by
from train.geolocation import tfidf_nearest
from train.protocols import TextEncoder
from train.text.articles import cached_features


@dataclass(frozen=True)
class Floor:
    """``place`` ranks the queries among ``gallery`` rows; ``key`` changes whenever the result would. ``radius_km`` is that of a
    hit, where the floor ranks."""

    name: str
    key: str
    gallery: int
    radius_km: float | None
    place: Callable[[], Placed]


def random_order(asked: HeldOut, gallery: HeldOut, radius_km: float) -> Floor:
    """The gallery in another random order for every query: the score of a model that knows nothing."""

    def placed() -> Placed:
        rng = np.random.default_rng(0)
        scores = (rng.random(len(gallery), dtype=np.float32) for _ in range(len(asked)))
        return place_by(scores, asked.places, gallery.places, radius_km)

    return Floor("random order", f"{gallery.digest}|{radius_km}", len(gallery), radius_km, placed)


def nearest_articles(asked: HeldOut, known: HeldOut, catalogue: Catalogue, tower: TextEncoder, tower_name: str) -> list[Floor]:
    """The place of the most similar known article: by TF-IDF, and by the frozen features that the model's text head reads."""

    def by_words() -> Placed:
        return Placed(errors_km(known.places[tfidf_nearest(known.texts, asked.texts)], asked.places), None)

    def by_features() -> Placed:
        queries, rows = (cached_features(catalogue, tower, each.ids) for each in (asked, known))
        return Placed(errors_km(known.places[(queries @ rows.T).argmax(axis=1)], asked.places), None)

    return [
        Floor("TF-IDF nearest article", known.digest, len(known), None, by_words),
        Floor(f"frozen {tower_name} nearest article", f"{known.digest}|{tower.feature_key}", len(known), None, by_features),
    ]
