"""Which place each name of a text means: a pure function from the text, decided for all names together.

Each name has its candidates, and the possibility that it is no place. A candidate's score is the sum of what speaks for it, in
nats: its people or fame, its kind, a region named in the text that contains it ("in Austria", ", VA"), other named places near it,
words beside it ("river", "Mount"), and how warm the model finds it for the text. What the name looks like (a capital, a place in
the sentence, an ordinary word) is the score of being none. Probabilities are the softmax; in a few rounds the names see each other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from index.geo import chord_km, unit_xyz
from index.places.name_index import NameIndex
from index.places.spelling import Word
from index.records import Place
from retrieval.asking.names.find import GIVEN_NAMES, Candidate, Mention, Reading, mentions_in, ordinary_words
from train.text.masking_words import FUNCTION, KINDS, LEADING, words_of

Numbers = npt.NDArray[np.float64]
Allowed = Callable[[Numbers, Numbers], npt.NDArray[np.bool_]]  # lat [N], lon [N] -> whether a filter allows a place there
Warmth = Callable[[Numbers, Numbers], Numbers]  # lat [N], lon [N] -> log density of the model's heat, any constant
REGIONS = ("continent", "country", "region", "county")
ROUNDS = 3
MOST_NAMES = 60  # that are decided together; of a long text the following ones after these
MOST_CANDIDATES = 500  # in all; each name keeps its largest, and those inside regions that are named
MOST_SHOWN = 6  # alternatives of an answer
SAME_KM = 30.0

PEOPLE = 0.75  # per nat of the number of people
ALTERNATE, ALTERNATE_SMALL, ERROR = -2.0, -3.5, -2.5  # by another name; of a town below …
SMALL_PEOPLE = 50_000
KIND = {"country": 3.0, "continent": 3.0, "region": 0.5, "county": 1.0, "town": 0.0}
UNKNOWN_PEOPLE = 300.0
BESIDE, OUTSIDE_BESIDE = 6.0, -5.0  # a region that follows the name contains it, or does not
INSIDE_COUNTRY, INSIDE_REGION = 1.5, 3.0  # named anywhere in the text
ASKED_ELSEWHERE = -6.0  # the question's filter allows no place here, but one of the same name
OUTSIDE_COUNTRY, OUTSIDE_REGION = -2.5, -1.5  # other ones are named
TWIN = 2.0  # a city in a region of its own name: New York
HOLDS, HOLDS_MOST = 1.0, 3.0  # a region, for each place in it that is named
NEAR, NEAR_MOST, NEAR_KM = 2.5, 5.0, 120.0
NATURE = -4.5  # a town's name beside "river": the river is meant
PERSON, PERSON_FULL = -4.5, -8.0  # a known name after another word with a capital, after a first name
TITLE_WORD = -1.0
WARM, COLDEST = 0.6, -5.0  # of the model's log density, at the least
DESCRIPTION_WORDS = 6
ORDER = -2.0  # power of a name's number: the weight of the name in the text
NONE = 5.0  # the score of being no place: of a word with a capital inside a sentence …
NONE_INITIAL, NONE_SMALL, NONE_ORDINARY, NONE_FUNCTION, NONE_TINY = 1.0, 3.5, 3.5, 4.0, 3.0  # … and what makes that likelier
NONE_MANY, NONE_ALONE, NONE_AFTER_IN = -1.5, -4.0, -1.5  # … or less likely: several words, the whole text, after "in"

_NATURE = words_of(
    """
    river rivers lake lakes mount mountain mountains creek bay sea strait gulf island islands peak glacier valley canyon desert
    fjord ocean volcano hills range stream rio lago
    """
)
_BEFORE = words_of("in near at from of around outside to towards toward between en bei de di i na w à a em aus nach von")
_LINK = re.compile(r"^\s*(?:,|\(|in|,?\s*(?:a|the)?\s*(?:city|town|village)?\s*in(?:\s+the)?)\s*$", re.IGNORECASE)
_STATE = re.compile(r"^\s*,\s*([A-Z]{2})\b")
_STATE_TYPED = re.compile(r"^[\s,]+([a-zA-Z]{2})\s*$")


@dataclass(frozen=True)
class Possible:
    """A place that a name may mean, with its ``probability``; ``within`` are the region and the country."""

    name: str
    place: Place
    kind: str
    country: str
    within: tuple[str, ...]
    people: int
    radius_km: float
    probability: float
    code: str = ""  # of a country ('AT'), region ('US-VA') or continent ('EU'), as ``Whereabouts`` knows them
    continent: str = ""  # around a town, a country or a region: its code

    @property
    def label(self) -> str:
        """'Vienna, Austria'."""
        return ", ".join(dict.fromkeys([self.name, *self.within]))

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.label, "lat": round(self.place.lat, 5), "lon": round(self.place.lon, 5), "kind": self.kind,
            "country": self.country, "people": self.people, "confidence": round(self.probability, 4),
        }  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A name in a text, ``text[start:end]``: what it most likely means, ``possible`` best first. ``confidence`` is the probability
    of the best; what all lack to 1 is that the name names no place. ``weight``: how much of the text it is, 1 in all. ``chosen``: a
    person said so."""

    text: str
    start: int
    end: int
    possible: tuple[Possible, ...]
    weight: float = 0.0
    chosen: bool = False

    @property
    def best(self) -> Possible:
        return self.possible[0]

    @property
    def confidence(self) -> float:
        return self.best.probability

    @property
    def others(self) -> tuple[Possible, ...]:
        """What else it may mean, apart from what lies at the same place, as a city and the region around it."""
        return tuple(each for each in self.possible[1:] if distance_km(each.place, self.best.place) > SAME_KM)

    @property
    def sentence(self) -> str:
        """'Vienna → Vienna, Austria; not Vienna, Virginia, United States'."""
        other = f"; not {self.others[0].label}" if self.others else ""
        return f"{self.text} → {self.best.label}{other}"

    def as_dict(self) -> dict[str, Any]:
        others = [each.as_dict() for each in self.others]
        where = {"start": self.start, "end": self.end, "text": self.text}
        return {**where, **self.best.as_dict(), "chosen": self.chosen, "sentence": self.sentence, "others": others}


@dataclass
class _Candidates:
    """All candidates of all names side by side: ``of`` [C] is the number of the name."""

    of: npt.NDArray[np.int64]
    each: list[Candidate]
    lat: Numbers
    lon: Numbers
    people: Numbers
    fame: Numbers
    kind: list[str]
    country: list[str]
    region: list[str]
    continent: list[str]
    radius_km: Numbers

    @classmethod
    def read(cls, names: Sequence[Mention], gazetteers: Sequence[NameIndex]) -> _Candidates:
        pairs = [(number, candidate) for number, name in enumerate(names) for candidate in name.candidates]
        each = [candidate for _, candidate in pairs]

        def column(name: str) -> Numbers:
            return np.array([gazetteers[one.index].columns[name][one.row] for one in each], np.float64)

        def words(name: str) -> list[str]:
            return [gazetteers[one.index].word(name, one.row) for one in each]

        return cls(
            np.array([number for number, _ in pairs], np.int64), each, column("lat"), column("lon"), column("people"),
            column("fame"), words("kind"), words("country"), words("region"), words("continent"), column("radius_km"),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.each)


def names_in(
    text: str, gazetteers: Sequence[NameIndex], warmth: Warmth | None = None, least: float = 0.2, allowed: Allowed | None = None
) -> list[Named]:
    """The places that a text names, in order. ``warmth`` is the model's heat for the text; names that are no place with more than
    1 - ``least`` are left out. Places are asked for where they are ``allowed``: 'Paris' in the United States is in Texas."""
    reading = Reading.of(text)
    mentions = mentions_in(reading, gazetteers)
    if not mentions:
        return []
    starts = range(0, len(mentions), MOST_NAMES)
    places = [named for at in starts for named in resolve(reading, mentions[at : at + MOST_NAMES], gazetteers, warmth, allowed)]
    return _weighted([named for named in places if sum(each.probability for each in named.possible) >= least])


def resolve(
    reading: Reading,
    mentions: Sequence[Mention],
    gazetteers: Sequence[NameIndex],
    warmth: Warmth | None,
    allowed: Allowed | None,
) -> list[Named]:
    """Each mention with the probabilities of its candidates. A name means the same wherever it stands in a text."""
    groups: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentions:
        groups[mention.plain].append(mention)
    names = [found[0] for found in groups.values()]
    all_of = _Candidates.read(_likely(names, gazetteers), gazetteers)
    fixed = _people_and_kind(all_of) + _words_beside(reading, list(groups.values()), all_of)
    if allowed is not None:
        fixed += ASKED_ELSEWHERE * _elsewhere(allowed(all_of.lat, all_of.lon), all_of)
    if warmth is not None:
        named = [(mention.start, mention.end) for mention in mentions]
        fixed += described(reading.words, named) * _warm(all_of, warmth)
    none = np.array([min(_none(reading, mention) for mention in found) for found in groups.values()])
    contained, near = _Containment.of(reading, list(groups.values()), all_of), _nearness(all_of)
    fixed += contained.twins
    chances = _softmax(fixed, none, all_of.of)
    for _ in range(ROUNDS):
        scores = fixed + contained.scores(chances, all_of.of) + np.minimum(NEAR_MOST, NEAR * (near @ chances))
        chances = _softmax(scores, none, all_of.of)
    number = {mention.plain: at for at, mention in enumerate(names)}
    possible = [_possible(all_of, chances, at, gazetteers) for at in range(len(names))]
    return [
        Named(reading.text[mention.start : mention.end], mention.start, mention.end, possible[number[mention.plain]])
        for mention in mentions
        if possible[number[mention.plain]]
    ]


def _likely(names: Sequence[Mention], gazetteers: Sequence[NameIndex]) -> list[Mention]:
    """The names with fewer candidates, if they have too many: the largest, and those inside regions that are named."""
    if sum(len(name.candidates) for name in names) <= MOST_CANDIDATES:
        return list(names)
    most = max(3, MOST_CANDIDATES // (2 * len(names)))
    codes: set[tuple[str, str]] = set()
    for name in names:
        for each in name.candidates[:most]:
            kind = gazetteers[each.index].word("kind", each.row)
            if kind in ("country", "region"):
                codes.add((kind, gazetteers[each.index].word(kind, each.row)))

    def inside(each: Candidate) -> bool:
        return any((level, gazetteers[each.index].word(level, each.row)) in codes for level in ("region", "country"))

    fewer = []
    for name in names:
        rest = [each for each in name.candidates[most:] if inside(each)] if len(name.candidates) > most else []
        fewer.append(replace(name, candidates=(*name.candidates[:most], *rest[:most])))
    return fewer


def described(words: Sequence[Word], named: Sequence[tuple[int, int]]) -> float:
    """How much a text says beside names, whose offsets are given: 0 for names alone, 1 for a sentence or more. The model knows
    little of a bare name, and much of a description."""
    others = [word for word in words if word.plain not in FUNCTION and not any(start <= word.start < end for start, end in named)]
    return min(1.0, len(others) / DESCRIPTION_WORDS)


def _people_and_kind(all_of: _Candidates) -> Numbers:
    people = np.where(all_of.fame > 0, all_of.fame, UNKNOWN_PEOPLE)
    kinds = np.array([KIND.get(kind, 0.0) for kind in all_of.kind])
    other = np.where(all_of.fame < SMALL_PEOPLE, ALTERNATE_SMALL, ALTERNATE)
    alternate = np.array([each.alternate for each in all_of.each]) * other + ERROR * np.array([each.errors for each in all_of.each])
    return np.asarray(PEOPLE * np.log(people + UNKNOWN_PEOPLE) + kinds + alternate)


def _elsewhere(allowed: npt.NDArray[np.bool_], all_of: _Candidates) -> npt.NDArray[np.bool_]:
    """[C]: whether a candidate is not allowed, while another one of its name is."""
    return ~allowed & np.isin(all_of.of, all_of.of[allowed])


def _words_beside(reading: Reading, groups: Sequence[Sequence[Mention]], all_of: _Candidates) -> Numbers:
    """What the words around a name say about its kind: the least of what speaks against over all places where it stands."""
    scores = np.zeros(len(all_of))
    nature, person = np.zeros(len(groups)), np.zeros(len(groups))
    for number, found in enumerate(groups):
        nature[number] = min(0.0, max(NATURE if _beside_nature(reading, each) else 0.0 for each in found))
        person[number] = max(_beside_a_name(reading, each) for each in found)
    of_nature = np.array([kind in ("town", *REGIONS) for kind in all_of.kind])
    scores += np.where(of_nature, nature[all_of.of], 0.0)
    return scores + person[all_of.of]


def _beside_nature(reading: Reading, mention: Mention) -> bool:
    around = [number for number in (mention.first - 1, mention.last + 1) if 0 <= number < len(reading.words)]
    for number in around:
        gap = reading.gap(number, mention.first) if number < mention.first else reading.gap(mention.last, number)
        if reading.words[number].plain in _NATURE and not gap.strip() and (reading.quiet or reading.capital(reading.words[number])):
            return True
    return False


def _beside_a_name(reading: Reading, mention: Mention) -> float:
    """Against a name that is a part of another one: 'Jack London', 'Vienna Philharmonic'."""
    if reading.quiet:
        return 0.0
    before, after = mention.first - 1, mention.last + 1
    words, score = reading.words, 0.0
    if before >= 0 and not reading.gap(before, mention.first).strip():
        word = words[before]
        known = word.plain in KINDS or word.plain in FUNCTION
        names_nothing = reading.initial(before) and word.plain in ordinary_words() and word.plain not in GIVEN_NAMES
        if reading.text[word.start].isupper() and not known and not names_nothing:
            score += PERSON_FULL if word.plain in GIVEN_NAMES else PERSON
    if after < len(words) and not reading.gap(mention.last, after).strip():
        word = words[after]
        if reading.text[word.start].isupper():
            score += TITLE_WORD if word.plain in KINDS else PERSON / 3
    return score


def _none(reading: Reading, mention: Mention) -> float:
    """The score of being no place."""
    score = NONE
    written = mention.capital and not reading.quiet
    score += NONE_INITIAL if written and mention.initial and len(reading.words) > 1 else 0.0
    score += 0.0 if written else NONE_SMALL if not reading.text[mention.start].isupper() or reading.quiet else 0.0
    if mention.ordinary:
        score += NONE_ORDINARY + (NONE_ORDINARY / 2 if mention.initial or not written else 0.0)
        score += NONE_FUNCTION if mention.plain in FUNCTION | LEADING else 0.0
    score += NONE_TINY if len(mention.plain) <= 2 else 0.0
    many = mention.last > mention.first and not reading.words[mention.first].glued
    score += NONE_MANY if many else 0.0
    alone = mention.first == 0 and mention.last == len(reading.words) - 1
    small = mention.ordinary and not reading.text[mention.start].isupper()
    score += NONE_ALONE if alone and not small else 0.0  # 'delta' alone is a word still
    if mention.first and reading.words[mention.first - 1].plain in _BEFORE and not mention.ordinary:
        score += NONE_AFTER_IN
    return score


@dataclass
class _Containment:
    """How the regions that a text names bear on the candidates of its other names, [C, C] each: ``by_country`` and ``by_region``
    whether the column contains the row; ``rival`` whether it is another region of the row's country; ``beside``: the score for one
    that follows the name. ``twins`` [C]: of a city in a region of its own name."""

    by_country: npt.NDArray[np.bool_]
    by_region: npt.NDArray[np.bool_]
    rival: npt.NDArray[np.bool_]
    countries: npt.NDArray[np.bool_]
    beside: Numbers
    twins: Numbers

    @classmethod
    def of(cls, reading: Reading, groups: Sequence[Sequence[Mention]], all_of: _Candidates) -> _Containment:
        size, points = len(all_of), unit_xyz(all_of.lat, all_of.lon)
        by_country, by_region, rival = (np.zeros((size, size), dtype=bool) for _ in range(3))
        beside, twins = np.zeros((size, size)), np.zeros(size, dtype=bool)
        kinds, countries, own = (
            np.array(all_of.kind),
            np.array(all_of.country),
            np.array([not each.alternate for each in all_of.each]),
        )
        followers = _followers(reading, groups)
        for at in np.flatnonzero(np.isin(kinds, REGIONS)).tolist():
            within, others = _within(all_of, points, at), all_of.of != all_of.of[at]
            if kinds[at] == "country":
                by_country[:, at] = within & others
            elif kinds[at] != "continent":
                by_region[:, at] = within & others
                rival[:, at] = (countries == countries[at]) & others & ~np.isin(kinds, REGIONS)
            if kinds[at] == "region":
                twins |= within & ~others & own
            for number in followers[int(all_of.of[at])]:
                named = all_of.of == number
                beside[named & within, at], beside[named & ~within, at] = BESIDE, OUTSIDE_BESIDE
        return cls(by_country, by_region, rival, kinds == "country", beside + _state_codes(reading, groups, all_of), TWIN * twins)

    def scores(self, chances: Numbers, of: npt.NDArray[np.int64]) -> Numbers:
        """[C]: for the chances of all candidates at present."""
        country, region = np.minimum(1, self.by_country @ chances), np.minimum(1, self.by_region @ chances)
        elsewhere = np.where(self.countries, chances, 0.0)
        most = np.where(of[:, None] != of[None], elsewhere[None], 0.0).max(axis=1, initial=0.0)
        rivals = (self.rival * chances[None]).max(axis=1, initial=0.0)
        against = OUTSIDE_COUNTRY * np.maximum(0, most - country) * ~self.countries
        against += OUTSIDE_REGION * np.maximum(0, rivals - region)
        holds = np.minimum(HOLDS_MOST, HOLDS * ((self.by_country | self.by_region).T @ chances))
        return np.asarray(INSIDE_COUNTRY * country + INSIDE_REGION * region + against + holds + self.beside @ chances)


def _followers(reading: Reading, groups: Sequence[Sequence[Mention]]) -> dict[int, set[int]]:
    """For each name the names that it follows somewhere in the text: for Austria in 'Vienna, Austria' Vienna."""
    followed = defaultdict(set)
    order = sorted(((mention, number) for number, found in enumerate(groups) for mention in found), key=lambda each: each[0].start)
    for (one, before), (other, after) in pairwise(order):
        if before != after and _follows(reading, one, other):
            followed[after].add(before)
        if before != after and reading.short and not reading.text[one.end : other.start].strip():  # 'ohio lima'
            followed[before].add(after)
    return followed


def _within(all_of: _Candidates, points: Numbers, at: int) -> npt.NDArray[np.bool_]:
    """Which candidates [C] lie in the region that one of them is, and are smaller than it."""
    kind = all_of.kind[at]
    smaller = np.array([each not in REGIONS or REGIONS.index(each) > REGIONS.index(kind) for each in all_of.kind])
    if kind == "country":
        return smaller & (np.array(all_of.country) == all_of.country[at])
    if kind == "region":
        return smaller & (np.array(all_of.region) == all_of.region[at])
    angle = np.arccos(np.clip(points @ points[at], -1, 1)) * 6371
    return np.asarray(smaller & (angle <= 1.3 * all_of.radius_km[at]))


def _follows(reading: Reading, mention: Mention, other: Mention) -> bool:
    """Whether another name follows right behind: 'Vienna, Austria', 'Vienna in Austria', 'Vienna (Austria)', 'vienna austria'."""
    if not 0 < other.first - mention.last <= 3:
        return False
    gap = reading.text[mention.end : other.start]
    return bool(_LINK.match(gap)) or (not gap.strip() and other.first == mention.last + 1)


def distance_km(one: Place, other: Place) -> float:
    """On the sphere, which is enough to tell places apart."""
    return float(chord_km(np.linalg.norm(unit_xyz(one.lat, one.lon) - unit_xyz(other.lat, other.lon))))


def _state_codes(reading: Reading, groups: Sequence[Sequence[Mention]], all_of: _Candidates) -> Numbers:
    """[C, 1] as a column to add: 'Vienna, VA' lies in Virginia."""
    scores = np.zeros((len(all_of), len(all_of)))
    for number, found in enumerate(groups):
        pattern = _STATE_TYPED if reading.quiet and reading.short else _STATE
        codes = {f"US-{code[1].upper()}" for each in found if (code := pattern.match(reading.text[each.end :]))}
        own = np.flatnonzero(all_of.of == number)
        inside = [all_of.region[row] in codes for row in own]
        if any(inside):
            for row, within in zip(own, inside, strict=True):
                scores[row, own] = BESIDE if within else OUTSIDE_BESIDE
    return scores


def _nearness(all_of: _Candidates) -> Numbers:
    """[C, C]: exp(-distance / ``NEAR_KM``) between candidates of different names that are no regions."""
    points = unit_xyz(all_of.lat, all_of.lon)
    narrow = np.array([kind not in REGIONS for kind in all_of.kind])
    km = np.arccos(np.clip(points @ points.T, -1, 1)) * 6371
    near = np.exp(-km / NEAR_KM) * (narrow[:, None] & narrow[None] & (all_of.of[:, None] != all_of.of[None]))
    return np.asarray(near)


def _warm(all_of: _Candidates, warmth: Warmth) -> Numbers:
    log_density = warmth(all_of.lat, all_of.lon)
    best = np.full(int(all_of.of.max()) + 1, -np.inf)
    np.maximum.at(best, all_of.of, log_density)
    return np.asarray(WARM * np.maximum(COLDEST, log_density - best[all_of.of]))


def _softmax(scores: Numbers, none: Numbers, of: npt.NDArray[np.int64]) -> Numbers:
    """The probability of each candidate [C] beside those of its name, and of none of them."""
    top = none.copy()
    np.maximum.at(top, of, scores)
    raised = np.exp(scores - top[of])
    sums = np.exp(none - top)
    np.add.at(sums, of, raised)
    return np.asarray(raised / sums[of])


def _possible(all_of: _Candidates, chances: Numbers, number: int, gazetteers: Sequence[NameIndex]) -> tuple[Possible, ...]:
    rows = np.flatnonzero(all_of.of == number)
    best = rows[np.argsort(-chances[rows], kind="stable")][:MOST_SHOWN]
    found = []
    for row in best.tolist():
        one, gazetteer = all_of.each[row], gazetteers[all_of.each[row].index]
        found.append(
            Possible(
                name=gazetteer.name(one.row), place=Place(lat=float(all_of.lat[row]), lon=float(all_of.lon[row])),
                kind=all_of.kind[row], country=all_of.country[row], within=_parents(all_of, row, gazetteers),
                people=int(all_of.people[row]), radius_km=float(all_of.radius_km[row]), probability=float(chances[row]),
                code=all_of.country[row] if all_of.kind[row] == "country" else all_of.region[row],
                continent=all_of.continent[row],
            )
        )  # fmt: skip
    return tuple(found)


def _parents(all_of: _Candidates, row: int, gazetteers: Sequence[NameIndex]) -> tuple[str, ...]:
    """The names of the region and the country around a candidate, the region only where that tells places of a country apart."""
    kind, names = all_of.kind[row], gazetteers[0].parents
    above = [] if kind in ("region", "country", "continent") else [names.get(all_of.region[row], "")]
    above += [] if kind in ("country", "continent") else [names.get(all_of.country[row], "")]
    return tuple(each for each in above if each)


def _weighted(names: Sequence[Named]) -> list[Named]:
    """Each name with its weight in the text: the first counts most, and one that is repeated more than one that is not."""
    weights = (1.0 + np.arange(len(names))) ** ORDER
    return [replace(named, weight=float(weight)) for named, weight in zip(names, weights / max(weights.sum(), 1e-9), strict=True)]
