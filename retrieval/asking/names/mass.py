"""Where a text may be about, as the places that it names say: a density over the Earth, to be multiplied with the model's heat.

    density(x) = background + sum over names and what they may mean of weight * probability * kernel(x)

relative to an even one. A town is narrow and strong, a country wide and weak, because each holds the same mass: the kernel of a
town falls with the square of the squared distance, that of a country or region is even inside it. The background is what the names
leave: that they are misread, or that the text is about another place than it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.places.spelling import words_of
from index.places.whereabouts import Whereabouts
from retrieval.asking.names.resolve import Named, Possible, described, distance_km

LAND_KM2 = 149e6
NARROWEST_KM = 20.0  # a text is seldom about the very point where the gazetteer puts a town
REACH = 20.0  # a kernel is cut off at so many times its width
BACKGROUND = 0.1  # at least; what a person chose is certain but for CHOSEN
CHOSEN = 1e-3
TRUST, BARE_TRUST = 1.0, 3.0  # in the names of a description, in bare names
HELD = 0.1  # of its weight that a region keeps where the text also names a place inside it
EVEN = ("country", "region", "continent")
LEAST_PROBABILITY = 0.01
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mass:
    """Places with their shares of the mass; ``background`` is the rest. ``trust``: the power of this density beside the model's.
    ``bare``: the text says nothing beside the names."""

    places: tuple[tuple[Possible, float], ...]
    background: float
    trust: float = 1.0
    bare: bool = False

    @classmethod
    def of(cls, names: Sequence[Named], text: str) -> Mass | None:
        """None for a text that names nothing."""
        shares: dict[Possible, float] = {}
        for named in names:
            for possible in named.possible:
                if possible.probability >= LEAST_PROBABILITY:
                    alike = next((each for each in shares if each.place == possible.place and each.kind == possible.kind), possible)
                    shares[alike] = shares.get(alike, 0.0) + named.weight * possible.probability
        if not shares:
            return None
        places = [(possible, share * (1 - (1 - HELD) * _named_inside(possible, names))) for possible, share in shares.items()]
        total, told = sum(share for _, share in places), sum(shares.values())
        least = CHOSEN if any(named.chosen for named in names) else BACKGROUND
        scale = min(told, 1 - least) / total
        beside = described(words_of(text), [(named.start, named.end) for named in names])
        trust = TRUST + (BARE_TRUST - TRUST) * (1 - beside)
        return cls(tuple((possible, share * scale) for possible, share in places), 1 - total * scale, trust, beside == 0)

    @property
    def likeliest(self) -> Possible:
        """What has the largest share."""
        return max(self.places, key=lambda each: each[1])[0]

    def log_density(self, whereabouts: Whereabouts) -> tuple[Rows, Floats]:
        """The points near or inside named places, ascending, and the logarithm of the density at each over the background's, above
        0; at all others it is 0."""
        rows, density = [np.empty(0, np.int64)], [np.empty(0)]
        for possible, share in self.places:
            if possible.kind in EVEN and possible.code:
                rows.append(whereabouts.inside(possible.kind, possible.code))
                density.append(np.full(len(rows[-1]), share * _even(possible)))
            else:
                found, km = whereabouts.near(possible.place, REACH * _width_km(possible))
                rows.append(found)
                density.append(share * _kernel(possible, km))
        points, each = np.unique(np.concatenate(rows), return_inverse=True)
        sums = np.bincount(each, weights=np.concatenate(density), minlength=len(points))
        return points, np.log1p(sums / self.background).astype(np.float32)

    def at_points(self) -> tuple[list[Possible], npt.NDArray[np.float64]]:
        """The named places that are points, and the log density at each of them."""
        points = [possible for possible, _ in self.places if possible.kind not in EVEN]
        density = np.zeros(len(points))
        for possible, share in self.places:
            for at, point in enumerate(points):
                if possible.kind in EVEN:
                    around = {"country": point.country, "region": point.code, "continent": point.continent}
                    density[at] += share * _even(possible) * (around[possible.kind] == possible.code)
                else:
                    density[at] += share * float(_kernel(possible, distance_km(possible.place, point.place)))
        return points, np.log1p(density / self.background)


def _named_inside(region: Possible, names: Sequence[Named]) -> float:
    """The probability that a text names a place in a region, 0 for what is no region."""
    if region.kind not in (*EVEN, "county"):
        return 0.0
    return max((each.probability for named in names for each in named.possible if _inside(each, region)), default=0.0)


def _inside(place: Possible, region: Possible) -> bool:
    if region.kind == "country":
        return place.country == region.code and place.kind != "country"
    if region.kind == "region":
        return place.code == region.code and place.kind not in ("region", "country")
    return place.kind not in (*EVEN, "county") and distance_km(place.place, region.place) <= region.radius_km


def _width_km(possible: Possible) -> float:
    return max(NARROWEST_KM, possible.radius_km)


def _kernel(possible: Possible, km: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The density at distances from a place, over that of an even one: 1 / (1 + (d / s)^2)^2, whose integral is pi s^2."""
    width = _width_km(possible)
    return np.asarray(LAND_KM2 / (np.pi * width**2) / (1 + (np.asarray(km) / width) ** 2) ** 2)


def _even(possible: Possible) -> float:
    return LAND_KM2 / (np.pi * max(NARROWEST_KM, possible.radius_km) ** 2)
