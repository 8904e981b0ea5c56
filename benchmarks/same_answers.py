"""Whether onnxruntime answers as torch does: 200 questions, the ids of the ten best of each kind, and their scores.

    python -m benchmarks.same_answers ~/.placebind/demo

Questions are texts and names from lists in this repository, sentences made from them, places spread over the Earth, and tiles that
are invented. Two records whose scores are nearer than ``SAME`` may stand in either order.
"""

import argparse
import csv
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np

from index.geo import fibonacci_sphere
from index.records import Hit, Place
from retrieval import Question, Space
from retrieval.asking.parts import Part
from retrieval.asking.photo import Photo

SAME = 1e-3
TEXTS, NAMES, SENTENCES, PLACES, PICTURES = 60, 50, 40, 40, 10


def questions() -> Iterator[tuple[str, Question]]:
    with files("index.places").joinpath("famous_places.csv").open(encoding="utf-8") as lines:
        famous = list(csv.DictReader(lines))
    names, texts = [row["title"] for row in famous], [row["text"] for row in famous]
    for text in texts[-TEXTS:]:
        yield text, Question.of(text)
    for name in names[:NAMES]:
        yield name, Question.of(name)
    for number in range(SENTENCES):
        kind, name = famous[number]["kind"], names[(7 * number) % len(names)]
        text = f"{kind} near {name}" if number % 2 else f"{kind} in {famous[-number - 1]['country']}"
        yield text, Question.of(text)
    for lat, lon in zip(*fibonacci_sphere(PLACES), strict=True):
        yield f"{lat:.2f}, {lon:.2f}", Question.of(place=Place(lat=float(lat), lon=float(lon)))
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        colours = rng.integers(20, 235, 3)[:, None, None] + rng.integers(-20, 20, (3, 48, 48))
        yield f"picture {number}", Question(parts=(Part.of(Photo(pixels=colours.astype(np.uint8))),))


def differs(ours: list[Hit], theirs: list[Hit]) -> str:
    """What is not the same, '' if nothing is."""
    if len(ours) != len(theirs):
        return f"{len(ours)} hits, {len(theirs)} by torch"
    scores = {hit.id: hit.score for hit in theirs}
    for mine, other in zip(ours, theirs, strict=True):
        if abs(mine.score - other.score) > SAME:
            return f"rank {mine.rank}: score {mine.score:.5f}, {other.score:.5f} by torch"
        if mine.id != other.id and abs(scores.get(mine.id, theirs[-1].score) - other.score) > SAME:
            return f"rank {mine.rank}: {mine.id}, {other.id} by torch"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogue", type=Path)
    given = parser.parse_args()
    light, torch = (Space.open(catalogue=given.catalogue.expanduser(), encoders=each) for each in ("auto", "torch"))
    asked = order = other = 0
    largest = 0.0
    for label, question in questions():
        asked += 1
        ours, theirs = (space.search(question).hits for space in (light, torch))
        for kind, hits in theirs.items():
            if why := differs(ours[kind], hits):
                other += 1
                print(f"{label[:60]}, {kind}: {why}")
            order += [hit.id for hit in ours[kind]] != [hit.id for hit in hits]
            largest = max([largest, *(abs(a.score - b.score) for a, b in zip(ours[kind], hits, strict=False))])
    print(f"{asked} questions by {light.runs_by} and {torch.runs_by}")
    print(f"{other} lists differ, {order} if the order of equals counts")
    print(f"largest difference of a score: {largest:.2e}")
    if other:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
