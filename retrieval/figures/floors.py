"""What a model must beat: one place for all, the place of the most similar text read in training, names looked up, random order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from index.geo import great_circle_km
from index.store.catalogue import Catalogue
from retrieval.figures.held_out import ARTICLES, HeldOut
from retrieval.figures.lookup import Rule, look_up
from retrieval.figures.placing import Placed, place_at, place_by
from train.curve.geolocation import tfidf_nearest
from train.encoders.text import minilm
from train.protocols import TextEncoder
from train.text.articles import Features, cached_features

CANDIDATES = 500  # training records that "the same place for all" is chosen from, evenly drawn
LOOK_UPS: dict[Rule, str] = {"people": "gazetteer, most populous town named", "first": "gazetteer, first town named"}
Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Floor:
    """``place`` ranks the queries among ``gallery`` rows; ``key`` changes whenever the result would. ``radius_km`` is that of a
    hit, where the floor ranks."""

    name: str
    key: str
    gallery: int
    radius_km: float | None
    place: Callable[[], Placed]


def random_order(asked: HeldOut, gallery: HeldOut, radius_km: float, beyond_km: float = 0.0) -> Floor:
    """The gallery in another random order for every query: the score of a model that knows nothing."""

    def placed() -> Placed:
        rng = np.random.default_rng(0)
        scores = (rng.random(len(gallery), dtype=np.float32) for _ in range(len(asked)))
        return place_by(scores, asked.places, gallery.places, radius_km, beyond_km)

    return Floor("random order", f"{gallery.digest}|{radius_km}|{beyond_km}", len(gallery), radius_km, placed)


@dataclass(frozen=True)
class TextFloors:
    """The floors of a text's place. ``read`` are all texts of the training, ``gallery`` the places that a model ranks; What a floor
    cannot answer is put at the same place as all others."""

    asked: HeldOut
    read: HeldOut
    gallery: HeldOut
    catalogue: Catalogue

    def of_names(self) -> Iterator[Floor]:
        """What needs no reading: the same place for all, and the look-ups, which raise ``MissingExtraError`` when they place."""
        yield self._floor("the same place for all", 1, lambda: (self._middle(), None))
        for rule, name in LOOK_UPS.items():
            yield self._floor(name, 0, partial(self._looked_up, rule))

    def of_articles(self) -> Iterator[Floor]:
        """The most similar article of the training: by TF-IDF and by frozen MiniLM, whatever tower the model has."""
        articles = self.read.take(self.read.groups[ARTICLES])
        yield self._floor("TF-IDF nearest article", len(articles), partial(self._by_words, articles))
        by_features = partial(self._by_features, articles, minilm.build())
        yield self._floor("frozen MiniLM nearest article", len(articles), by_features, minilm.MiniLM.feature_key)

    def of_all_texts(self) -> Iterator[Floor]:
        """The most similar of all texts of the training, also names and single sentences."""
        yield self._floor("TF-IDF nearest of all texts", len(self.read), partial(self._by_words, self.read))

    def _floor(self, name: str, answering: int, said: Callable[[], tuple[Places, Places | None]], key: str = "") -> Floor:
        def placed() -> Placed:
            places, answered = said()
            return place_at(places, self.asked.places, self.gallery.places, answered)

        return Floor(name, "|".join([self.read.digest, self.gallery.digest, key]), answering, None, placed)

    def _middle(self) -> Places:
        return np.tile(most_central(self.read.places), (len(self.asked), 1))

    def _or_middle(self, places: Places, answered: npt.NDArray[np.bool_]) -> tuple[Places, Places]:
        return np.where(answered[:, None], places, self._middle()), answered.astype(np.float64)

    def _looked_up(self, rule: Rule) -> tuple[Places, Places]:
        places = look_up(self.asked.texts, rule)
        return self._or_middle(places, np.isfinite(places[:, 0]))

    def _by_words(self, known: HeldOut) -> tuple[Places, Places]:
        rows, cosines = tfidf_nearest(known.texts, self.asked.texts)
        return self._or_middle(known.places[rows], cosines > 0)

    def _by_features(self, known: HeldOut, tower: TextEncoder) -> tuple[Places, None]:
        queries, rows = (self._features(each, tower) for each in (self.asked, known))
        return known.places[(queries @ rows.T).argmax(axis=1)], None

    def _features(self, texts: HeldOut, tower: TextEncoder) -> Features:
        """[N, F]; those of texts that are typed are stored under ids of their own."""
        by_id = dict(zip(texts.ids, texts.texts, strict=True))
        read = (lambda ids: [by_id[each] for each in ids]) if texts.typed else None
        return cached_features(self.catalogue, tower, texts.ids, read)


def most_central(places: Places) -> Places:
    """[2]: the geometric median, as the one of some of these places [N, 2] with the least mean distance to all."""
    some = places[np.linspace(0, len(places) - 1, min(len(places), CANDIDATES)).astype(np.int64)]
    sums = [great_circle_km(*part.T, *places.T).sum(axis=1) for part in np.array_split(some, max(1, len(some) // 50))]
    middle: Places = some[np.concatenate(sums).argmin()]
    return middle
