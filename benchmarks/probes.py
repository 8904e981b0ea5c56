"""40 descriptions without names, put to a model: where in the world does it place them, and is it right?

    python -m benchmarks.probes CHECKPOINT [--out docs/probes.md] [--images docs/images/probes] [--land 250000]

The regions that count as right (benchmarks/probe_list.py) were written down before any answer was seen. The gallery is an even grid
of land points, encoded by the model and kept in the temporary folder. Places are peaks of the heat, at least 500 km apart. The
probability uses the model's own calibrated or learnt temperature, weighted by area. One to two minutes.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.cached import land_vectors
from benchmarks.probe_list import NOWHERE, Probe, probes
from benchmarks.probe_pictures import write_picture
from index.errors import CheckpointError
from index.files import made_whole
from index.geo import chord_km, great_circle_km, unit_xyz
from index.sources.gazetteer import Town, all_towns
from retrieval.heat.cells import Cells
from retrieval.heat.heat import Heat, Peak, heat_of
from retrieval.heat.mass import smallest_set
from train.checkpoint import Checkpoint
from train.text.articles import query_passages

PLACES, APART_KM = 5, 500.0
NEAR_KM = 750.0  # of the best place: the right country or so
SHARE = 0.9


@dataclass(frozen=True)
class Reply:
    """The model's answer to a text: its best places, the probability within ``NEAR_KM`` of the first, and the share of the land
    that holds ``SHARE`` of it."""

    text: str
    best: list[Peak]
    names: list[str]
    near_mass: float
    land_share: float


@dataclass(frozen=True)
class Judged:
    """A reply to a probe: which of the best places are ``right``, and ``by_chance`` the share for a random point on land."""

    reply: Reply
    probe: Probe
    right: list[bool]
    by_chance: float
    picture: Path

    @property
    def verdict(self) -> str:
        if self.right[0]:
            return "right"
        return f"wrong at first, right at {self.right.index(True) + 1}" if any(self.right) else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/probes.md"))
    parser.add_argument("--images", type=Path, default=Path("docs/images/probes"))
    parser.add_argument("--land", type=int, default=250_000, help="land points")
    asked = parser.parse_args()
    checkpoint = Checkpoint.open(asked.checkpoint)
    places, vectors = land_vectors(checkpoint, asked.land)
    cells = Cells(vectors, places, model_digest=checkpoint.digest)
    asker = Asker(checkpoint, cells)
    judged = [judge(asker, number, probe, asked.images) for number, probe in enumerate(probes(), start=1)]
    nowhere = [asker.reply(text)[0] for text in NOWHERE]
    page = "\n".join(report(asked.checkpoint.name, len(cells), judged, nowhere, asked.out.parent)) + "\n"
    with made_whole(asked.out) as partial:
        partial.write_text(page, encoding="utf-8")
    print(summary(judged))


class Asker:
    """A model and its encoded land points."""

    def __init__(self, checkpoint: Checkpoint, cells: Cells) -> None:
        self.tower: Any = checkpoint.encoder("articles", torch.device("cpu"))
        self.cells, self.temperature = cells, temperature_of(checkpoint)

    def reply(self, text: str) -> tuple[Reply, Heat]:
        with torch.inference_mode():
            vector = F.normalize(self.tower(*query_passages(self.tower, [text])).float(), dim=-1)[0].numpy()
        heat = heat_of(self.cells, vector)
        best, mass = heat.peaks(PLACES, min_km=APART_KM), heat.mass(self.temperature)
        first = best[0].place
        near = great_circle_km([first.lat], [first.lon], *self.cells.places.T)[0] <= NEAR_KM
        areas = self.cells.area_shares
        land_share = areas[smallest_set(mass, SHARE, areas)].sum() / areas.sum()
        return Reply(text, best, [name_of(peak) for peak in best], float(mass[near].sum()), float(land_share)), heat


def temperature_of(checkpoint: Checkpoint) -> float:
    """The divisor of cosines between texts and places: calibrated or learnt. Raises ``CheckpointError`` if it was not saved."""
    if checkpoint.temperature is None:
        raise CheckpointError(f"{checkpoint.path} has no temperature for texts; save the model with it")
    return checkpoint.temperature


def judge(asker: Asker, number: int, probe: Probe, images: Path) -> Judged:
    """Search, draw, and check the answers."""
    reply, heat = asker.reply(probe.text)
    lat, lon = ([getattr(peak.place, axis) for peak in reply.best] for axis in ("lat", "lon"))
    picture = images / f"{number:02}.png"
    write_picture(heat, reply.best, picture)
    areas = asker.cells.area_shares
    by_chance = areas[probe.right(*asker.cells.places.T)].sum() / areas.sum()
    return Judged(reply, probe, probe.right(lat, lon).tolist(), float(by_chance), picture)


def name_of(peak: Peak) -> str:
    """The nearest town of 15,000 people and its distance."""
    towns, tree = _towns()
    chord, row = tree.query(unit_xyz(peak.place.lat, peak.place.lon))
    away_km = float(chord_km(chord))
    town = f"{towns[row].name}, {towns[row].country}"
    return town if away_km < 30 else f"{away_km:,.0f} km from {town}"


@cache
def _towns() -> tuple[list[Town], Any]:
    from scipy.spatial import cKDTree

    towns = all_towns()
    return towns, cKDTree(unit_xyz([t.place.lat for t in towns], [t.place.lon for t in towns]))


def summary(judged: Sequence[Judged]) -> str:
    """One line: how many are right, and how many random ones would be."""
    first, any_of, chance = sum(j.right[0] for j in judged), sum(any(j.right) for j in judged), sum(j.by_chance for j in judged)
    total = len(judged)
    return (
        f"**{first} of {total} first places are right, and {any_of} have a right one among {PLACES}**; "
        f"of {total} random points on land {chance:.0f} would be right."
    )


def report(model: str, land: int, judged: Sequence[Judged], nowhere: Sequence[Reply], folder: Path) -> Iterator[str]:
    """The page, line by line."""
    yield "# What the model makes of 40 descriptions\n"
    yield summary(judged) + "\n"
    yield f"Model `{model}`, {land:,} land points. Nothing here is chosen: the descriptions, and the regions in which an answer"
    yield "counts as right, were written down before any answer was seen (benchmarks/probe_list.py). Dark is where a description"
    yield f"fits best (darkest: the best 0.3 % of the land); numbers are the {PLACES} best places, at least {APART_KM:.0f} km"
    yield "apart. Probability is at the model's temperature, calibrated or learnt. Made by `python -m benchmarks.probes`.\n"
    yield from bad_ones(judged)
    yield from without_geography(judged, nowhere)
    for number, each in enumerate(judged, start=1):
        yield from _probe(number, each, folder)


def bad_ones(judged: Sequence[Judged]) -> Iterator[str]:
    """The wrong answers, before anything else."""
    yield "## The bad ones\n"
    for number, each in enumerate(judged, start=1):
        if not each.right[0]:
            anchor = f"[{number}](#{number})"
            yield f"- {anchor} *{each.probe.text}*: first {each.reply.names[0]} ({each.verdict})"
    yield "" if any(not each.right[0] for each in judged) else "None.\n"


def without_geography(judged: Sequence[Judged], nowhere: Sequence[Reply]) -> Iterator[str]:
    """How sure the model is of texts about no place, next to the probes."""
    near, share = (np.median([getattr(each.reply, name) for each in judged]) for name in ("near_mass", "land_share"))
    yield "## Texts without geography\n"
    yield "A model that knows what it does not know spreads these over the world. Of the probes (median)"
    yield f"{near:.0%} of the probability lies within {NEAR_KM:.0f} km of the first place,"
    yield f"and {SHARE:.0%} of it in {share:.1%} of the land.\n"
    yield f"| text | within {NEAR_KM:.0f} km of the first place | land that holds {SHARE:.0%} | first place |"
    yield "|---|---|---|---|"
    for each in nowhere:
        yield f"| {each.text} | {each.near_mass:.0%} | {each.land_share:.1%} | {each.names[0]} |"


def _probe(number: int, each: Judged, folder: Path) -> Iterator[str]:
    yield f'\n<a id="{number}"></a>\n'
    yield f"### {number}. {each.probe.text}: {each.verdict}\n"
    yield f"![where it fits best]({Path(os.path.relpath(each.picture, folder)).as_posix()})\n"
    pairs = zip(each.reply.names, each.right, strict=True)
    marked = [f"{rank}. {name}{'' if right else ' ✗'}" for rank, (name, right) in enumerate(pairs, start=1)]
    yield "; ".join(marked) + ".\n"
    regions = ", ".join(each.probe.regions) if len(each.probe.regions) < 30 else f"{len(each.probe.regions)} megacities"
    yield f"Right: {regions} ({each.by_chance:.0%} of the land)."
    yield f"Probability within {NEAR_KM:.0f} km of the first place: {each.reply.near_mass:.0%}."


if __name__ == "__main__":
    main()
