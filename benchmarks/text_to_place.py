"""Text to place on held-out articles, unchanged and with all place names masked, next to the nearest article by words.

    python -m benchmarks.text_to_place CHECKPOINT --texts ../shared/data/text/wikipedia_articles.parquet \
        --gallery ../shared/data/labels/world_place_dbpedia.parquet [--land 250000] [--out FILE.md]

Queries: rows with split = 'val' in the report blocks (index/slices.py), which chose nothing; --slice val: in the others; all: in
both. They lie in 5 degree blocks that hold no training row. Our answer is the best place of a gallery: the
DBpedia places whose country agrees with their position, or land points on an even grid. A floor's answer is the place of the most
similar training article (TF-IDF; cosine of frozen MiniLM) out of ``TRAINED_ON`` in the folder of --texts, unchanged or masked as
well, which is the fairest rival of a masked query. "The same place for all" is the training article with the least median distance
to the others of the tested source: the score of not reading at all where 54 % of articles are about the USA. Intervals: 95 %,
bootstrap over blocks of 10 degrees. Features are kept in the temporary folder; a later run takes less than half the time.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import torch
import torch.nn.functional as F

from benchmarks.cached import Vectors, kept, land_vectors
from index.geo import great_circle_km
from index.slices import in_report_block
from retrieval.figures.held_out import gallery_in
from retrieval.figures.measures import figures_of
from retrieval.figures.placing import Placed, errors_km
from train.checkpoint import Checkpoint
from train.curve.geolocation import ACCURACY_KM, encode_locations, nearest, tfidf_nearest
from train.encoders.text import minilm
from train.probing.splits import INTERVAL_SIZES_DEG
from train.text.articles import row_passages, whole_text
from train.text.masking import mask_names

TRAINED_ON = ("wikipedia_articles", "world_heritage", "ancient_places")
FLOORS = ("TF-IDF nearest article", "MiniLM nearest article")
CANDIDATES = 500  # training articles that "the same place for all" is chosen from
Places = npt.NDArray[np.float64]  # [N, 2]: lat, lon


@dataclass(frozen=True)
class Texts:
    """Articles to read: ``rows`` with title and text, ``places`` [N, 2]."""

    rows: pd.DataFrame
    places: Places

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Texts":
        return cls(rows, rows[["lat", "lon"]].to_numpy(np.float64))

    def masked(self) -> "Texts":
        """The same, without titles and without place names in the texts."""
        pairs = zip(self.rows.text, self.rows.title, strict=True)
        return Texts(self.rows.assign(title="", text=[mask_names(text, title) for text, title in pairs]), self.places)

    @property
    def whole(self) -> list[str]:
        return [whole_text(title, text) for title, text in zip(self.rows.title, self.rows.text, strict=True)]


@dataclass(frozen=True)
class Answers:
    """The place that one method gives to each question [N, 2]; ``asked`` says how the text was shown."""

    way: str
    asked: str
    places: Places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="table of articles with split train and val")
    parser.add_argument("--gallery", type=Path, required=True, help="table of DBpedia places")
    parser.add_argument("--slice", choices=("report", "val", "all"), default="report", help="which held-out blocks are asked")
    parser.add_argument("--land", type=int, default=250_000, help="land points")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    asked = parser.parse_args()
    checkpoint, articles = Checkpoint.open(asked.checkpoint), pd.read_parquet(asked.texts)
    questions = Texts.of(held_out(articles, asked.slice).reset_index(drop=True))
    known = Texts.of(_training_texts(asked.texts.parent))
    own = Texts.of(articles[articles.split == "train"])
    answers = [*model_answers(checkpoint, questions, asked.gallery, asked.land), *floor_answers(known, questions, own)]
    page = "\n".join(report(asked.checkpoint.name, answers, questions, len(known.rows))) + "\n"
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(page, encoding="utf-8")
    print(page)


def held_out(articles: pd.DataFrame, slice_name: str) -> pd.DataFrame:
    """The rows that are held out: those of one slice, or all."""
    rows = articles[articles.split == "val"]
    report = in_report_block(rows.lat.to_numpy(), rows.lon.to_numpy())
    return rows[{"report": report, "val": ~report, "all": report | ~report}[slice_name]]


def model_answers(checkpoint: Checkpoint, questions: Texts, gallery: Path, land: int) -> Iterator[Answers]:
    """The model's best places of both galleries, with and without names."""
    tower = checkpoint.encoder("articles", torch.device("cpu"))
    named_places = gallery_in(gallery).places
    named_vectors = encode_locations(checkpoint.encoder("locations", torch.device("cpu")), *named_places.T)
    galleries: list[tuple[str, Places, torch.Tensor]] = [(f"{len(named_places):,} DBpedia places", named_places, named_vectors)]
    land_places, vectors = land_vectors(checkpoint, land)
    galleries.append((f"{len(land_places):,} land points", land_places, torch.from_numpy(vectors)))
    for how, texts in (("as it is", questions), ("masked", questions.masked())):
        asked = text_vectors(tower, texts)
        for name, places, found in galleries:
            yield Answers(f"PlaceBind, {name}", how, places[nearest(asked, found)])


@torch.inference_mode()
def text_vectors(tower: Any, texts: Texts) -> torch.Tensor:
    """Unit vectors [N, D] of articles that are in no catalogue."""
    parts, present = row_passages(tower, pa.table({"title": list(texts.rows.title), "text": list(texts.rows.text)}))
    return F.normalize(tower(parts, present).float(), dim=-1)


def floor_answers(known: Texts, questions: Texts, own: Texts) -> Iterator[Answers]:
    """The places of the most similar training articles, of masked ones too; ``own`` are those of the tested source."""
    hidden_known, hidden = known.masked(), questions.masked()
    for way, find in zip(FLOORS, (words_nearest, minilm_nearest), strict=True):
        yield Answers(way, "as it is", known.places[find(known.whole, questions.whole)])
        yield Answers(way, "masked", known.places[find(known.whole, hidden.whole)])
        yield Answers(way, "masked, articles too", known.places[find(hidden_known.whole, hidden.whole)])
    middle = most_central(own.places)
    yield Answers(f"the same place for all ({middle[0]:.0f}, {middle[1]:.0f})", "", np.tile(middle, (len(questions.rows), 1)))


def words_nearest(known: Sequence[str], asked: Sequence[str]) -> npt.NDArray[np.int64]:
    """Row of the known text most similar by TF-IDF, for each text."""
    return tfidf_nearest(known, asked)[0]


def minilm_nearest(known: Sequence[str], asked: Sequence[str]) -> npt.NDArray[np.int64]:
    """Row of the known text with the highest cosine by frozen MiniLM, for each text."""
    return nearest(torch.from_numpy(minilm_features(asked)), torch.from_numpy(minilm_features(known)))


def minilm_features(texts: Sequence[str]) -> Vectors:
    tower = minilm.build()
    return kept(lambda: tower.features(list(texts)), tower.feature_key, *texts)


def most_central(places: Places) -> Places:
    """[2]: of some of these places, evenly drawn, the one with the least median distance to all."""
    some = places[np.linspace(0, len(places) - 1, min(len(places), CANDIDATES)).astype(np.int64)]
    middle: Places = some[np.median(great_circle_km(*some.T, *places.T), axis=1).argmin()]
    return middle


def weighted_median(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    """The least of the values [N] that together with those below it has half of the weight."""
    order = np.argsort(values)
    held = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(held, held[-1] / 2)])


def report(model: str, answers: Sequence[Answers], questions: Texts, known: int) -> Iterator[str]:
    """The page, line by line."""
    yield "# Text to place on held-out articles, with and without place names"
    yield ""
    yield f"Model {model}: {len(questions.rows)} held-out articles, {known:,} training articles ({', '.join(TRAINED_ON)})."
    yield f"In brackets 95 % intervals, bootstrap over {INTERVAL_SIZES_DEG[0]:.0f} degree blocks."
    yield "Made by `benchmarks/text_to_place.py`."
    yield ""
    yield "| way | text | median km | " + " | ".join(f"within {km:,} km" for km in ACCURACY_KM) + " |"
    yield "|---" * (3 + len(ACCURACY_KM)) + "|"
    for each in answers:
        yield f"| {each.way} | {each.asked} | " + " | ".join(_cells(each, questions)) + " |"
    yield from _ratios(answers, questions)
    yield from _by_continent(answers, questions)


def _cells(each: Answers, questions: Texts) -> Iterator[str]:
    figures = figures_of(Placed(errors_km(each.places, questions.places), None), questions.places)
    for name in ("median_km", *(f"within_{km}_km" for km in ACCURACY_KM)):
        digits = "{:,.0f}" if name == "median_km" else "{:.3f}"
        value, low, high = (figures[name + end] for end in ("", "_low", "_high"))
        between = "too few to say" if low is None or high is None else f"{digits.format(low)} to {digits.format(high)}"
        yield f"{digits.format(value)} ({between})"


def _ratios(answers: Sequence[Answers], questions: Texts) -> Iterator[str]:
    """How many times nearer each gallery's masked answers are than the best masked floor."""
    medians = {(each.way, each.asked): float(np.median(errors_km(each.places, questions.places))) for each in answers}
    floors = {way: min(km for (of, asked), km in medians.items() if of == way and asked.startswith("masked")) for way in FLOORS}
    yield ""
    for (way, asked), km in medians.items():
        if asked == "masked" and way not in floors:
            yield f"- Masked, {way}: " + ", ".join(f"{floor / km:.1f} times nearer than {of}" for of, floor in floors.items()) + "."


def _by_continent(answers: Sequence[Answers], questions: Texts) -> Iterator[str]:
    continents = questions.rows.continent.fillna("unknown").to_numpy()
    counts = pd.Series(continents).value_counts()
    yield ""
    yield "## Median km, continent by continent"
    yield ""
    yield "Most of the articles are about North America; in the last column every continent counts as much as any other."
    yield ""
    yield "| way | text | " + " | ".join(f"{name} ({count})" for name, count in counts.items()) + " | all alike |"
    yield "|---" * (3 + len(counts)) + "|"
    for each in answers:
        errors = errors_km(each.places, questions.places)
        medians = [f"{np.median(errors[continents == name]):,.0f}" for name in counts.index]
        alike = weighted_median(errors, 1 / counts[continents].to_numpy())
        yield f"| {each.way} | {each.asked} | " + " | ".join(medians) + f" | {alike:,.0f} |"


def _training_texts(folder: Path) -> pd.DataFrame:
    tables = [pd.read_parquet(folder / f"{name}.parquet").query("split == 'train'") for name in TRAINED_ON]
    return pd.concat(tables, ignore_index=True)[["title", "text", "lat", "lon"]].fillna({"title": "", "text": ""})


if __name__ == "__main__":
    main()
