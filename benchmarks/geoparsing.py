"""Named places found and resolved in published corpora, which are read and never kept.

    python -m benchmarks.geoparsing FOLDER [--out FILE.md]

FOLDER has GWN.xml (GeoWebNews), lgl.xml, TR-News.xml and GeoVirus.xml as the repository Pragmatic-Guide-to-Geoparsing-Evaluation of
milangritta on GitHub has them (Gritta, Pilehvar, Collier 2020, doi:10.1007/s10579-019-09475-3). Each article is read as
`placebind locate` reads it; the model is not asked. A toponym with a position is found if a name of ours overlaps it. Within 161 km
(100 miles) lie so many of those found, and so many of all; AUC is the area under the logarithms of the errors of those found, 0 is
best (Jurgens et al. 2015). "Precise" is the share of our names that overlap a toponym.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from index.places.world_names import world_names
from index.records import Place
from retrieval.asking.names.documents import LEAST
from retrieval.asking.names.resolve import distance_km, names_in

CORPORA = {"GeoWebNews": "GWN.xml", "LGL": "lgl.xml", "TR-News": "TR-News.xml", "GeoVirus": "GeoVirus.xml"}
LONG_NAMES = {"latitude": "lat", "longitude": "lon"}
ACCURATE_KM = 161.0
FARTHEST_KM = 20_039.0  # half the Earth's girth


@dataclass(frozen=True)
class Toponym:
    start: int
    end: int
    place: Place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    asked = parser.parse_args()
    page = "\n".join(report(asked.folder)) + "\n"
    if asked.out:
        asked.out.write_text(page, encoding="utf-8")
    print(page)


def report(folder: Path) -> Iterator[str]:
    """The page, line by line; corpora that are not there are left out."""
    yield "| corpus | articles | toponyms | found | precise | within 161 km, of found | of all | AUC | median km |"
    yield "|---" * 9 + "|"
    for name, file in CORPORA.items():
        if (folder / file).is_file():
            yield _line(name, list(articles(folder / file)))


def articles(path: Path) -> Iterator[tuple[str, list[Toponym]]]:
    """Each article's text with the toponyms that have a position."""
    for article in ElementTree.parse(path).getroot().iter("article"):
        text = article.findtext("text") or ""
        found = [each for tag in ("toponym", "location") for each in article.iter(tag)]
        yield text, [toponym for each in found if (toponym := _toponym(each)) is not None]


def _toponym(node: ElementTree.Element) -> Toponym | None:
    where = {LONG_NAMES.get(child.tag, child.tag): (child.text or "").strip() for child in node.iter()}
    try:
        place = Place(lat=float(where["lat"]), lon=float(where["lon"]))
        return Toponym(int(where["start"]), int(where["end"]), place)
    except (KeyError, ValueError):  # a toponym that its annotators could not place
        return None


def _line(name: str, read: list[tuple[str, list[Toponym]]]) -> str:
    errors, ours, right = [], 0, 0
    for text, toponyms in read:
        names = names_in(text, [world_names()], least=LEAST)
        ours += len(names)
        right += sum(any(named.start < each.end and each.start < named.end for each in toponyms) for named in names)
        for toponym in toponyms:
            over = [named for named in names if named.start < toponym.end and toponym.start < named.end]
            errors.append(min((distance_km(named.best.place, toponym.place) for named in over), default=np.nan))
    all_of = np.array(errors)
    found = all_of[~np.isnan(all_of)]
    auc = float((np.log(found + 1) / np.log(FARTHEST_KM)).mean())
    shares = (len(found) / len(all_of), right / ours, (found <= ACCURATE_KM).mean(), (all_of <= ACCURATE_KM).mean(), auc)
    cells = " | ".join(f"{share:.3f}".removeprefix("0") for share in shares)
    return f"| {name} | {len(read):,} | {len(all_of):,} | {cells} | {np.median(found):,.0f} |"


if __name__ == "__main__":
    main()
