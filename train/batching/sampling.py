"""Which records make a batch. Stateless: a batch is a function of (seed, step, branch), so a resumed run draws what it would have.

``balance`` sets the weight of a record, ``cells`` what a batch may hold: any records, records that are far from each other (a near
one would be a false negative), or groups of neighbours (hard negatives). A record never comes twice in a batch, so that none is its
own negative. Weights become whole numbers before they are summed: a sum of floats may end in another digit on another machine,
which would change the draw.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from index.errors import ConfigError
from index.geo import Degrees, block_of, cell_of
from index.places.continents import continent_of
from index.settings import Settings
from train.batching.streams import Stream, generator

Rows = npt.NDArray[np.int64]
FEWEST_OF_AN_OCCASION = 16
TOTAL_MASS = 2**52  # what all weights sum to as whole numbers: fine enough for millions of records, and exact in a float


class SamplingOptions(Settings):
    balance: Literal["none", "block", "continent", "block_continent"] = Field(
        default="block",
        description="limit dense regions: by latitude/longitude block, by continent (needs the [demo] extra), or both",
    )
    block_deg: float = Field(default=5.0, gt=0, le=90, description="side of a block in degrees")
    power: float = Field(
        default=0.5, ge=0, le=1, description="a record weighs (records in its region)**-power: 0 makes records equal, 1 regions"
    )
    cells: Literal["any", "one_each", "grouped"] = Field(
        default="any",
        description="any; one_each: at most one record from each cell of the globe; grouped: groups of records of one cell",
    )
    cell_km: float = Field(default=100.0, gt=0, le=5000, description="side of a cell; all have the same area")
    group: int = Field(default=8, ge=2, description="records in a group, for cells = grouped")
    sources: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        default_factory=dict, description="share of a batch for each source of records; the others share the rest"
    )
    apart: bool = Field(
        default=False, description="each batch is from one of `sources` or the others; the shares are then of the batches"
    )
    occasions: Literal["mixed", "source", "source_month"] = Field(
        default="mixed", description="a batch of tiles is of mixed ones, of one source, or of one source and month"
    )


class Sampler:
    """Draws batches from records at ``lat``, ``lon`` [N]. Built once (seconds for millions), then quick to draw from."""

    def __init__(self, lat: Degrees, lon: Degrees, options: SamplingOptions, sources: Sequence[str] = ()) -> None:
        self.options = options
        number = len(np.atleast_1d(lat))
        cells = np.arange(number)  # for "any": every record is a cell of its own
        if options.cells != "any":
            cells = np.unique(cell_of(lat, lon, options.cell_km), return_inverse=True)[1]
        # From here on records are in the order of their cells; positions in that order become rows only at the end.
        self._row: Rows = np.argsort(cells, kind="stable")
        self._records = _Urn.of(weights(lat, lon, options, sources)[self._row])
        self._count = np.bincount(cells)
        self._start = np.cumsum(self._count) - self._count
        self._mass = np.add.reduceat(self._records.mass, self._start)

    @property
    def cell_count(self) -> int:
        """Cells with records in them: a larger batch of ``one_each`` is filled up with neighbours."""
        return len(self._count)

    def draw(self, size: int, *, seed: int, step: int, branch: int = 0) -> Rows:
        """``size`` different rows (all, shuffled, if there are fewer). ``branch`` separates the modalities (``streams``).

        ``any``: one after the other by weight. ``one_each``: the same, but each drawn record removes its cell, so that two can be
        near only across a border of cells. Once no cell is left, the missing ones are drawn from all that remain. ``grouped``: size
        // group cells, drawn by their weight, with ``group`` records of each side by side (all equally likely). If the size is no
        multiple or too few cells have enough records, the missing ones are drawn from all that remain and come last.
        """
        rng = generator(seed, step, Stream.ROWS, branch)
        pick = {"any": _nothing, "one_each": self._one_each, "grouped": self._grouped}[self.options.cells]
        return np.asarray(self._row[self._records.draw(size, rng, pick(size, rng))])

    def _one_each(self, size: int, rng: np.random.Generator) -> Rows:
        cells = _Urn(self._mass, np.cumsum(self._mass)).draw(size, rng)
        first = self._start[cells]
        before = self._records.after[first] - self._records.mass[first]
        return _which(self._records.after, before + rng.integers(self._mass[cells]))

    def _grouped(self, size: int, rng: np.random.Generator) -> Rows:
        group = self.options.group
        large = np.flatnonzero(self._count >= group)
        cells = large[_Urn(self._mass[large], np.cumsum(self._mass[large])).draw(size // group, rng)]
        return (self._start[cells][:, None] + _different(self._count[cells], group, rng)).ravel()


class ApartSampler:
    """Draws each batch from one of the named sources or from all others: records of different sources are never negatives of each
    other. Where sources cover different parts of the globe, a model would learn to recognise the source of a text, and so where its
    place is not: no article is from a held-out block, but names are.
    """

    def __init__(self, lat: Degrees, lon: Degrees, options: SamplingOptions, sources: Sequence[str]) -> None:
        lat, lon, names = np.asarray(lat), np.asarray(lon), np.asarray(sources)
        shares, others = _there(names, options.sources)
        self._rows = [np.flatnonzero(names == name) for name in shares] + ([np.flatnonzero(others)] if others.any() else [])
        self._shares = _all_shares(shares, bool(others.any()))
        self._samplers = [Sampler(lat[rows], lon[rows], options) for rows in self._rows]

    def draw(self, size: int, *, seed: int, step: int, branch: int = 0) -> Rows:
        """Like ``Sampler.draw``, from a source drawn at random."""
        turn = generator(seed, step, Stream.SOURCE, branch).random()
        number = min(int(np.searchsorted(np.cumsum(self._shares), turn, side="right")), len(self._shares) - 1)
        return np.asarray(self._rows[number][self._samplers[number].draw(size, seed=seed, step=step, branch=branch)])


class OccasionSampler:
    """Draws each batch from the tiles of one source, or of one source and month: such tiles alone are negatives of each other.

    Sources have regions, calendars and processing of their own, and tiles of one season look alike: where they are mixed, to tell
    occasions apart lowers the loss without anything being learnt of places. An occasion's share of the batches is its
    (records)**(1 - power), and a source named in ``options`` has the share that these say. An occasion of less than
    ``FEWEST_OF_AN_OCCASION`` records has nothing to be told apart from and is left out.
    """

    def __init__(self, lat: Degrees, lon: Degrees, options: SamplingOptions, occasions: Sequence[tuple[str, int]]) -> None:
        lat, lon = np.asarray(lat), np.asarray(lon)
        of: dict[tuple[str, int], list[int]] = {}
        for row, (source, month) in enumerate(occasions):
            of.setdefault((source, month if options.occasions == "source_month" else 0), []).append(row)
        enough = [key for key in sorted(of) if len(of[key]) >= FEWEST_OF_AN_OCCASION]
        self._rows: list[Rows] = [np.array(of[key]) for key in enough]
        if not self._rows:
            raise ConfigError(
                f"sampling.occasions={options.occasions} needs {FEWEST_OF_AN_OCCASION} tiles of one occasion, the most here are "
                f"{max(map(len, of.values()))}; set sampling.occasions=mixed"
            )
        shares = np.array([len(rows) ** (1 - options.power) for rows in self._rows])
        if options.sources:
            _share_out(shares, np.array([source for source, _ in enough]), options.sources)
        self._after = np.cumsum(shares)
        self._samplers = [Sampler(lat[rows], lon[rows], options) for rows in self._rows]

    def draw(self, size: int, *, seed: int, step: int, branch: int = 0) -> Rows:
        """Like ``Sampler.draw``, from an occasion drawn at random; fewer rows where it has fewer."""
        turn = generator(seed, step, Stream.SOURCE, branch).random() * self._after[-1]
        number = min(int(np.searchsorted(self._after, turn, side="right")), len(self._rows) - 1)
        return np.asarray(self._rows[number][self._samplers[number].draw(size, seed=seed, step=step, branch=branch)])


def sampler_of(
    lat: Degrees,
    lon: Degrees,
    options: SamplingOptions,
    sources: Sequence[str] = (),
    occasions: Sequence[tuple[str, int]] = (),
) -> Sampler | ApartSampler | OccasionSampler:
    """The sampler that the options ask for."""
    if options.occasions != "mixed" and len(occasions):
        return OccasionSampler(lat, lon, options, occasions)
    if options.apart and options.sources and len(sources):
        return ApartSampler(lat, lon, options, sources)
    return Sampler(lat, lon, options, sources)


def weights(lat: Degrees, lon: Degrees, options: SamplingOptions, sources: Sequence[str] = ()) -> npt.NDArray[np.float64]:
    """How likely each record is to come first, [N], summing to 1.

    First every block gets (its records)**(1 - power), then every continent (the sum of its records so far)**(1 - power), then every
    source named in ``options`` its share. ``sources`` [N] are those of the records.
    """
    found = np.ones(len(np.atleast_1d(lat)))
    regions = {"block": lambda: block_of(lat, lon, options.block_deg), "continent": lambda: continent_of(lat, lon)}
    for name in options.balance.split("_"):
        if name == "none":
            continue
        _, region = np.unique(regions[name](), return_inverse=True)
        found *= (np.bincount(region, weights=found) ** -options.power)[region]
    if options.sources and len(sources):
        _share_out(found, np.asarray(sources), options.sources)
    return found / found.sum()


def check_sources(options: SamplingOptions, known: Collection[str]) -> None:
    """Raises ``ConfigError`` for a share of a source that no record of any kind is from: it would be left out silently."""
    for name in options.sources:
        if name not in known:
            there = ", ".join(f"'{each}'" for each in sorted(known)[:5])
            raise ConfigError(f"sampling.sources: no training record is of the source '{name}'; they are of {there}")


def _share_out(found: npt.NDArray[np.float64], sources: npt.NDArray[np.str_], shares: dict[str, float]) -> None:
    """Scale the weights, in place, so that each named source that is present has its share; unnamed ones share the rest."""
    named, others = _there(sources, shares)
    rest = _all_shares(named, bool(others.any()))[-1]
    for name, share in named.items():
        found[sources == name] *= share / found[sources == name].sum()
    if others.any():
        found[others] *= rest / found[others].sum()


def _there(sources: npt.NDArray[np.str_], shares: dict[str, float]) -> tuple[dict[str, float], npt.NDArray[np.bool_]]:
    """The shares of the named sources that are present, and which records [N] are of others."""
    named = {name: share for name, share in shares.items() if (sources == name).any()}
    return named, ~np.isin(sources, [*named])


def _all_shares(named: dict[str, float], others: bool) -> list[float]:
    """The shares of the named sources, then the rest for the ``others``, if any. Raises ``ConfigError`` if no rest is left."""
    total = math.fsum(named.values())
    if total > 1 or (others and total == 1):
        raise ConfigError(
            f"the shares in sampling.sources come to {total:.2f} of a batch; their sum must be at most 1, and less than 1 "
            "where there are other records"
        )
    return [*named.values(), *([1 - total] if others else [])]


@dataclass(frozen=True)
class _Urn:
    """Things with a ``mass`` [M] of at least 1 each, and the sum of the masses up to and with each, ``after`` [M]."""

    mass: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]

    @classmethod
    def of(cls, weights: npt.NDArray[np.float64]) -> Self:
        """From weights that sum to 1."""
        mass = np.maximum(1, np.rint(weights * TOTAL_MASS)).astype(np.int64)
        return cls(mass, np.cumsum(mass))

    def draw(self, size: int, rng: np.random.Generator, taken: Rows | None = None) -> Rows:
        """``size`` different things: those ``taken``, then others one after the other, each by its share of the rest.

        Drawn with replacement and without those that came before, which equals one after the other by weight and needs no key for
        every record (Efraimidis and Spirakis 2006: three times slower for 5 million). Drawn things are removed before a new round,
        so that a few heavy things or a small rest do not take many rounds.
        """
        taken = _nothing() if taken is None else taken
        size = min(size, len(self.mass))
        while len(taken) < size:
            after = np.cumsum(self._without(taken)) if len(taken) else self.after
            drawn = _which(after, rng.integers(after[-1], size=2 * (size - len(taken))))
            taken = np.concatenate([taken, _first_of_each(drawn)])[:size]
        return taken

    def _without(self, taken: Rows) -> npt.NDArray[np.int64]:
        left = self.mass.copy()
        left[taken] = 0
        return left


def _nothing(size: int = 0, rng: np.random.Generator | None = None) -> Rows:
    return np.empty(0, dtype=np.int64)


def _which(after: npt.NDArray[np.int64], points: npt.NDArray[np.int64]) -> Rows:
    """The thing whose stretch of mass each point falls into. Searched in order, millions of masses take a quarter of the time."""
    order = np.argsort(points)
    found = np.empty(len(points), dtype=np.int64)
    found[order] = np.searchsorted(after, points[order], side="right")
    return found


def _first_of_each(drawn: Rows) -> Rows:
    """Without repetitions, in the order of drawing."""
    return drawn[np.sort(np.unique(drawn, return_index=True)[1])]


def _different(below: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> Rows:
    """[G, count] numbers, those of row g different from each other and below ``below[g]``, all sets equally likely.

    Robert Floyd's sampling (Bentley, Programming Pearls, CACM 30(9), 1987) for all rows at once.
    """
    chosen = np.empty((len(below), count), dtype=np.int64)
    for turn in range(count):
        top = below - count + turn
        pick = rng.integers(top + 1)
        known = (chosen[:, :turn] == pick[:, None]).any(axis=1)
        chosen[:, turn] = np.where(known, top, pick)  # no earlier turn can have picked as high a number as this turn's top
    return chosen
