"""Names looked up, descriptions felt: the place of a text by the model, by look-ups, and by both joined, on held-out texts.

    python -m benchmarks.names CHECKPOINT --texts ../shared/data/text/located_texts.parquet [--slice val] [--out FILE.md] \
        [--also ../shared/data/text/wikipedia_articles.parquet ../shared/data/text/world_heritage.parquet]

Each text is asked whole, as its first sentence, as its title, and with all names masked (``retrieval.sureness.fit_confidence``).
The slice 'report' chose nothing; the constants of ``retrieval.asking.names`` were chosen on 'val'. The model answers with the best
of its land points. The look-ups are the floors of `placebind evaluate`; the nearest articles are the most similar of some training
texts of the first table, by TF-IDF and by frozen MiniLM. "Names alone" is by the named places without the model, "hybrid" as
`placebind search` does. A text for which a way has no answer counts as 20,000 km away.

Then cities by their bare name, and as "steel works in NAME": the largest city of a name is asked for. Last, how often the truth
lies within 200 km where the hybrid says so, and the time that the look-up takes.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from benchmarks.cached import land_vectors
from benchmarks.text_to_place import FLOORS, held_out, minilm_nearest, words_nearest
from index.geo import chord_km, unit_xyz
from index.places.towns import load_towns
from index.places.whereabouts import Whereabouts
from index.places.world_names import world_names
from index.records import Place
from retrieval.asking.names.added import Added, best_place
from retrieval.asking.names.mass import Mass
from retrieval.asking.names.resolve import Warmth, names_in
from retrieval.figures.lookup import look_up
from retrieval.heat.cells import Cells
from retrieval.sureness.confidence import Confident
from retrieval.sureness.fit_confidence import embed_texts, texts_of
from train.checkpoint import Checkpoint
from train.text.articles import whole_text

NO_ANSWER_KM = 20_000.0
WITHIN_KM = (50, 200, 750)
CITIES = {"cities of over 1 million": 1_000_000, "cities of over 100,000": 100_000}
Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """The places [N, 2] that one way gives to texts, NaN where it has none; ``sure``: the probability it says within 200 km."""

    way: str
    places: Places
    sure: npt.NDArray[np.float64] | None = None

    def errors_km(self, truth: Places) -> npt.NDArray[np.float64]:
        none = np.isnan(self.places[:, 0])
        km = chord_km(np.linalg.norm(unit_xyz(*np.nan_to_num(self.places).T) - unit_xyz(*truth.T), axis=1))
        return np.where(none, NO_ANSWER_KM, km)


@dataclass(frozen=True)
class NearestArticles:
    """The places of the most similar training articles, by way and by text."""

    places: dict[str, dict[str, Places]]

    @classmethod
    def of(cls, known: pd.DataFrame, texts: Sequence[str]) -> "NearestArticles":
        articles = [whole_text(title, text) for title, text in zip(known.title.fillna(""), known.text, strict=True)]
        where = known[["lat", "lon"]].to_numpy(np.float64)
        found = {way: find(articles, texts) for way, find in zip(FLOORS, (words_nearest, minilm_nearest), strict=True)}
        return cls({way: dict(zip(texts, where[rows], strict=True)) for way, rows in found.items()})

    def answers(self, texts: Sequence[str]) -> Iterator[Answered]:
        for way, places in self.places.items():
            yield Answered(way, np.array([places[text] for text in texts]))


class Ways:
    """One model with its land points, and the gazetteer."""

    def __init__(self, checkpoint: Checkpoint, land: int) -> None:
        self.tower = checkpoint.encoder("articles", torch.device("cpu"))
        places, vectors = land_vectors(checkpoint, land)
        self.cells = Cells(vectors, places, model_digest=checkpoint.digest)
        self.temperature = checkpoint.temperature
        self.gazetteers = [world_names()]
        self.whereabouts = Whereabouts(places, self.gazetteers[0])
        self.confident = Confident.of(self.cells, checkpoint)
        self.seconds: list[float] = []

    def answers(self, texts: Sequence[str]) -> Iterator[Answered]:
        """The last is the hybrid, the one before names alone."""
        vectors = embed_texts(self.tower, [text or "." for text in texts])
        best = np.array([int((self.cells.vectors @ vector).argmax()) for vector in vectors])
        yield Answered("model", self.cells.places[best])
        yield Answered("look-up, most populous", look_up(texts, "people"))
        yield Answered("look-up, first named", look_up(texts, "first"))
        yield Answered("names alone", np.array([_place_of(Mass.of(names_in(text, self.gazetteers), text)) for text in texts]))
        joined = [self._joined(text, vector) for text, vector in zip(texts, vectors, strict=True)]
        yield Answered("hybrid", np.array([place for place, _ in joined]), np.array([sure for _, sure in joined]))

    def _joined(self, text: str, vector: npt.NDArray[np.float32]) -> tuple[tuple[float, float], float]:
        cosines = self.cells.vectors @ vector

        def near(lat: Places, lon: Places) -> Places:
            return np.asarray(cosines[self.cells.tree.query(unit_xyz(lat, lon))[1]], np.float64)

        started = time.perf_counter()
        warmth: Warmth = lambda lat, lon: near(lat, lon) / (self.temperature or 1)  # noqa: E731
        mass = Mass.of(names_in(text, self.gazetteers, warmth), text)
        added = Added.of(mass, self.whereabouts, self.temperature) if mass else None
        scores = cosines + added.everywhere() if added else cosines
        row = int(scores.argmax())
        place = Place(lat=float(self.cells.places[row, 0]), lon=float(self.cells.places[row, 1]))
        if mass and added:
            place = best_place(
                place, float(scores[row]), mass, added,
                lambda places: near(np.array([each.lat for each in places]), np.array([each.lon for each in places])),
            )  # fmt: skip
        self.seconds.append(time.perf_counter() - started)
        sure = self.confident(vector, place, added).within_200_km if self.confident else np.nan
        return (place.lat, place.lon), sure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="table of texts with title, lat, lon and split")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="other tables of this kind, to be asked too")
    parser.add_argument(
        "--articles", type=int, default=10_000, help="training articles of --texts, drawn at random, for the nearest"
    )
    parser.add_argument("--slice", choices=("report", "val"), default="report")
    parser.add_argument("--count", type=int, default=1_000, help="texts of each table, drawn at random")
    parser.add_argument("--cities", type=int, default=1_000, help="cities of each size, drawn at random")
    parser.add_argument("--land", type=int, default=100_000, help="land points")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    asked = parser.parse_args()
    ways = Ways(Checkpoint.open(asked.checkpoint), asked.land)
    tables = {path.stem: pd.read_parquet(path).fillna({"title": ""}) for path in (asked.texts, *asked.also)}
    known = _drawn(tables[asked.texts.stem].query("split == 'train'"), asked.articles)
    rows = {name: _drawn(held_out(table, asked.slice), asked.count) for name, table in tables.items()}
    for name, found in rows.items():
        if found.empty:
            parser.error(f"{name} has no text of the slice {asked.slice}: nothing in it is held out")
    page = "\n".join(report(ways, rows, known, asked.cities)) + "\n"
    if asked.out:
        asked.out.write_text(page, encoding="utf-8")
    print(page)


def _drawn(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    return rows.sample(min(count, len(rows)), random_state=0)


def report(ways: Ways, tables: Mapping[str, pd.DataFrame], known: pd.DataFrame, most_cities: int) -> Iterator[str]:
    """The page, line by line."""
    asked = {name: texts_of(rows.to_dict("records")) for name, rows in tables.items()}
    distinct = dict.fromkeys(text for kinds in asked.values() for texts in kinds.values() for text in texts if text.strip())
    nearest, notes = NearestArticles.of(known, list(distinct)), []
    yield "| text | way | median km | " + " | ".join(f"{km} km" for km in WITHIN_KM) + " |"
    yield "|---" * (3 + len(WITHIN_KM)) + "|"
    for (table, rows), kinds in zip(tables.items(), asked.values(), strict=True):
        truth = rows[["lat", "lon"]].to_numpy(np.float64)
        for kind, texts in kinds.items():
            said = np.array([bool(text.strip()) for text in texts])
            chosen = [text for text in texts if text.strip()]
            answers = [*nearest.answers(chosen), *ways.answers(chosen)]
            yield from _lines(f"{table}: {kind} ({len(chosen):,})", answers, truth[said])
            if kind == "title":  # the aim is for those that the gazetteer knows
                named = ~np.isnan(answers[-2].places[:, 0])
                of_named = [Answered(each.way, each.places[named]) for each in answers]
                yield from _lines(f"{table}: title that names something ({named.sum():,})", of_named, truth[said][named])
            notes.append(_calibration(f"{table}, {kind}", answers[-1], truth[said]))
    for kind, people in CITIES.items():
        names, places = cities(people, most_cities)
        yield from _lines(f"{kind}, by name ({len(names):,})", list(ways.answers(names)), places)
        yield from _lines(f'{kind}, "steel works in …"', list(ways.answers([f"steel works in {name}" for name in names])), places)
    yield ""
    yield from notes
    median, slow = 1000 * np.quantile(ways.seconds, (0.5, 0.95))
    yield f"- Names and their joining take {median:.1f} ms a text (median), {slow:.1f} ms in one of 20."


def cities(people: int, most: int) -> tuple[list[str], Places]:
    """The largest town of each name, of so many people or more, at most ``most`` of them drawn at random."""
    towns = load_towns(15_000)
    order = np.argsort(-towns.people, kind="stable")
    first = {towns.names[row]: row for row in order[::-1].tolist() if towns.people[row] >= people}
    names = sorted(first)
    drawn = np.random.default_rng(0).permutation(len(names))[:most]
    chosen = [names[at] for at in sorted(drawn.tolist())]
    rows = [first[name] for name in chosen]
    return chosen, np.stack([towns.lat[rows], towns.lon[rows]], axis=1)


def _place_of(mass: Mass | None) -> tuple[float, float]:
    """The best place by names alone: a point, else the middle of the narrowest region."""
    if mass is None:
        return np.nan, np.nan
    points, density = mass.at_points()
    best = points[int(np.argmax(density))] if points else max(mass.places, key=lambda each: each[1] / each[0].radius_km ** 2)[0]
    return best.place.lat, best.place.lon


def _lines(kind: str, answers: Sequence[Answered], truth: Places) -> Iterator[str]:
    for each in answers:
        km = each.errors_km(truth)
        shares = " | ".join(f"{float((km <= radius).mean()):.3f}".removeprefix("0") for radius in WITHIN_KM)
        median = (
            "–" if np.median(km) == NO_ANSWER_KM else f"{np.median(km):,.0f}" if np.median(km) >= 20 else f"{np.median(km):.1f}"
        )
        yield f"| {kind} | {each.way} | {median} | {shares} |"


def _calibration(kind: str, hybrid: Answered, truth: Places) -> str:
    assert hybrid.sure is not None
    hit = hybrid.errors_km(truth) <= 200
    return f"- {kind}: the hybrid says that {hybrid.sure.mean():.2f} lie within 200 km, and {hit.mean():.2f} do."


if __name__ == "__main__":
    main()
