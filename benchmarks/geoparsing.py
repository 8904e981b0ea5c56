"""Named places resolved and found in published corpora, which are read and never kept.

    python -m benchmarks.geoparsing FOLDER [--outputs FOLDER] [--out FILE.md]

FOLDER has GWN.xml (GeoWebNews), lgl.xml, TR-News.xml, GeoVirus.xml, anywhere in it, as the repository
Pragmatic-Guide-to-Geoparsing-Evaluation of milangritta on GitHub has them (Gritta, Pilehvar, Collier 2020,
doi:10.1007/s10579-019-09475-3). The model is not asked.

*Resolution*: the annotated toponyms are given, those with a position, and each is resolved beside the others of its text. A toponym
whose name the gazetteer does not know has no answer: figures are of those known, and the last column counts the others as wrong.
*End to end*: the articles are read as `placebind locate` reads them. A toponym is found if a name of ours overlaps it; "precise" is
the share of our names that overlap a toponym. 161 km are 100 miles. AUC is the area under the logarithms of the errors, 0 is best
(Jurgens et al. 2015).

--outputs: the folder `data` of the repository WhatsMissingInGeoparsing of milangritta, with what five geoparsers made of LGL
(Gritta et al. 2018, doi:10.1007/s10579-017-9385-8), to be measured end to end in the same way.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from index.places.name_index import NameIndex
from index.places.spelling import joined, key_of
from index.places.world_names import world_names
from index.records import Place
from retrieval.asking.names.documents import LEAST
from retrieval.asking.names.find import MOST_PLACES, Candidate, Mention, Reading
from retrieval.asking.names.resolve import MOST_NAMES, distance_km, names_in, resolve

CORPORA = {"GeoWebNews": "GWN.xml", "LGL": "lgl.xml", "TR-News": "TR-News.xml", "GeoVirus": "GeoVirus.xml"}
OTHERS = {"Edinburgh": "edin", "CLAVIN": "clavin", "GeoTxt": "geo", "Topocluster": "topo", "Yahoo": "yahoo"}
LONG_NAMES = {"latitude": "lat", "longitude": "lon"}
ACCURATE_KM = 161.0
FARTHEST_KM = 20_039.0  # half the Earth's girth
SHIFTED = 10  # characters by which an offset in those outputs may be wrong, as their authors allow
Errors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Toponym:
    start: int
    end: int
    place: Place
    name: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--outputs", type=Path, help="what other geoparsers made of LGL")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    asked = parser.parse_args()
    page = "\n".join(report(asked.folder, asked.outputs)) + "\n"
    if asked.out:
        asked.out.write_text(page, encoding="utf-8")
    print(page)


def report(folder: Path, outputs: Path | None) -> Iterator[str]:
    """The page, line by line; corpora that are not there are left out."""
    files = {name: path for name, file in CORPORA.items() if (path := next(folder.rglob(file), None))}
    read = {name: list(articles(path)) for name, path in files.items()}
    yield "| resolution of given toponyms | toponyms | known | within 161 km | mean km | median km | AUC | within 161 km of all |"
    yield "|---" * 8 + "|"
    for name, texts in read.items():
        errors = np.array([km for text, toponyms in texts for km in errors_of_given(text, toponyms, world_names())])
        yield _line(name, errors)
    yield ""
    yield "| end to end | toponyms | found | within 161 km | mean km | median km | AUC | within 161 km of all | precise |"
    yield "|---" * 9 + "|"
    for name, texts in read.items():
        errors, precise = _end_to_end(texts)
        yield f"{_line(name, errors)} {_share(precise)} |"
    if outputs:
        gold = list(told(outputs / "lgl_gold.txt"))
        for name, file in OTHERS.items():
            if (outputs / f"lgl_{file}.txt").is_file():
                yield f"{_line(f'LGL by {name}', _of_others(gold, told(outputs / f'lgl_{file}.txt')))} |"


def articles(path: Path) -> Iterator[tuple[str, list[Toponym]]]:
    """Each article's text with the toponyms that have a position."""
    for article in ElementTree.parse(path).getroot().iter("article"):
        text = article.findtext("text") or ""
        found = [each for tag in ("toponym", "location") for each in article.iter(tag)]
        yield text, [toponym for each in found if (toponym := _toponym(each)) is not None]


def errors_of_given(text: str, toponyms: Sequence[Toponym], gazetteer: NameIndex) -> Iterator[float]:
    """How far each toponym is from where it is resolved to, in km; NaN where the gazetteer does not know its name."""
    reading, mentions = Reading.of(text), dict[int, Mention]()
    for number, toponym in enumerate(toponyms):
        inside = [at for at, word in enumerate(reading.words) if word.start < toponym.end and toponym.start < word.end]
        mention = _mention(reading, inside[0], inside[-1], gazetteer) if inside else None
        if mention:
            mentions[number] = mention
    given = sorted(mentions.values(), key=lambda each: each.start)
    places: dict[tuple[int, int], Place] = {}
    for at in range(0, len(given), MOST_NAMES):
        for named in resolve(reading, given[at : at + MOST_NAMES], [gazetteer], None, None):
            places[named.start, named.end] = named.best.place
    for number, toponym in enumerate(toponyms):
        place = places.get((mentions[number].start, mentions[number].end)) if number in mentions else None
        yield distance_km(place, toponym.place) if place else np.nan


def told(path: Path) -> Iterator[list[Toponym]]:
    """The toponyms of each article in a file of WhatsMissingInGeoparsing: name,,phrase,,lat,,lon,,start,,end,,…||… in a line."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = [each.split(",,") for each in line.split("||") if each.strip()]
        yield [Toponym(int(each[4]), int(each[5]), Place(lat=float(each[2]), lon=float(each[3])), each[1]) for each in fields]


def _toponym(node: ElementTree.Element) -> Toponym | None:
    where = {LONG_NAMES.get(child.tag, child.tag): (child.text or "").strip() for child in node.iter()}
    try:
        place = Place(lat=float(where["lat"]), lon=float(where["lon"]))
        return Toponym(int(where["start"]), int(where["end"]), place)
    except (KeyError, ValueError):  # a toponym that its annotators could not place
        return None


def _mention(reading: Reading, first: int, last: int, gazetteer: NameIndex) -> Mention | None:
    """The words as a name, whatever they look like; None where the gazetteer does not know it."""
    plain = joined(reading.words[first : last + 1])
    (a,), (b,) = gazetteer.ranges([key_of(plain)])
    rows = range(int(a), min(int(b), int(a) + MOST_PLACES))
    found = tuple(Candidate(0, int(gazetteer.places[row]), bool(gazetteer.alternate[row])) for row in rows)
    start, end = reading.words[first].start, reading.words[last].end
    return Mention(plain, start, end, first, last, True, False, False, found) if found else None


def _end_to_end(texts: Iterable[tuple[str, list[Toponym]]]) -> tuple[Errors, float]:
    """The errors, NaN for what was not found, and the share of our names that overlap a toponym."""
    errors, ours, right = [], 0, 0
    for text, toponyms in texts:
        names = names_in(text, [world_names()], least=LEAST)
        ours += len(names)
        right += sum(any(named.start < each.end and each.start < named.end for each in toponyms) for named in names)
        for toponym in toponyms:
            over = [named for named in names if named.start < toponym.end and toponym.start < named.end]
            errors.append(min((distance_km(named.best.place, toponym.place) for named in over), default=np.nan))
    return np.array(errors), right / max(1, ours)


def _of_others(gold: Iterable[list[Toponym]], found: Iterable[list[Toponym]]) -> Errors:
    """A toponym is found by the same words at most some characters away."""
    errors = []
    for toponyms, answers in zip(gold, found, strict=False):
        by_name = defaultdict(list)
        for answer in answers:
            by_name[answer.name.lower()].append(answer)
        for toponym in toponyms:
            near = [each for each in by_name[toponym.name.lower()] if abs(each.start - toponym.start) < SHIFTED]
            errors.append(distance_km(near[0].place, toponym.place) if near else np.nan)
    return np.array(errors)


def _line(name: str, errors: Errors) -> str:
    known = errors[~np.isnan(errors)]
    auc = float((np.log(known + 1) / np.log(FARTHEST_KM)).mean())
    cells = [f"{len(errors):,}", _share(len(known) / len(errors)), _share((known <= ACCURATE_KM).mean())]
    cells += [f"{known.mean():,.0f}", f"{np.median(known):,.0f}", _share(auc), _share((errors <= ACCURATE_KM).mean())]
    return f"| {name} | {' | '.join(cells)} |"


def _share(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


if __name__ == "__main__":
    main()
