"""What a search returns: ranked hits of each modality, the origin of their distances and, on request, why each is a hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from index.extras import extra
from index.records import Hit, Modality, Place
from index.references import web_address
from retrieval.asking.names.resolve import Named
from retrieval.asking.query import QueryVectors
from retrieval.asking.question import Question
from retrieval.ranking.explain import Explanation
from retrieval.sureness.confidence import Confidence


@dataclass(frozen=True)
class Answer:
    """``origin`` is the place that ``distance_km`` is measured from: the place of the question, else the place of its image, else
    the best location that the filter allows. ``ways`` tells how each modality was searched, ``vectors`` holds the query vectors.
    ``confidence`` is how sure the answer to a text is; None for other queries, and without locations. ``question`` is as it was
    understood; ``notes`` says what in its texts was read as what, and which texts the model cannot read; ``names`` are the places
    that its texts name, which count in the answer.
    ``stages_ms`` is the time of each stage (``retrieval.space.STAGES``); ``why`` holds the explanations of ``Space.explain``, by
    the ids of the hits."""

    question: Question
    origin: Place | None
    hits: dict[Modality, list[Hit]] = field(default_factory=dict)
    ways: dict[Modality, str] = field(default_factory=dict)
    vectors: QueryVectors | None = field(default=None, repr=False)
    stages_ms: Mapping[str, float] = field(default_factory=dict, compare=False)
    why: Mapping[str, Explanation] = field(default_factory=dict, repr=False)
    confidence: Confidence | None = None
    notes: tuple[str, ...] = ()
    names: tuple[Named, ...] = ()

    def __iter__(self) -> Iterator[Hit]:
        return (hit for hits in self.hits.values() for hit in hits)

    @property
    def query(self) -> str:
        """What was asked, in one line."""
        return self.question.label

    def as_dict(self) -> dict[str, Any]:
        origin = {"lat": self.origin.lat, "lon": self.origin.lon} if self.origin else None
        hits = {modality: [hit.as_dict() | self._why(hit) for hit in hits] for modality, hits in self.hits.items()}
        confidence = self.confidence.as_dict() if self.confidence else None
        return {
            "query": self.query, "notes": list(self.notes), "names": [named.as_dict() for named in self.names],
            "origin": origin, "confidence": confidence, "ways": dict(self.ways),
            "hits": hits,
        }  # fmt: skip

    def to_geodataframe(self) -> Any:
        """All hits as a ``geopandas.GeoDataFrame`` of points in EPSG:4326, one row per hit."""
        geopandas = extra("geopandas")
        rows = [hit.as_row() for hit in self]
        points = geopandas.points_from_xy([row["lon"] for row in rows], [row["lat"] for row in rows])
        return geopandas.GeoDataFrame(rows, geometry=points, crs="EPSG:4326")

    def _repr_html_(self) -> str:
        """As Jupyter shows it: a table of the hits. Titles are of the catalogue, so they are escaped, and only web addresses are
        links."""
        said = [self.query, *self.notes, *(named.sentence for named in self.names)]
        head = "".join(f"<th>{name}</th>" for name in ("#", "kind", "score", "km", "position", "title"))
        rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(hit))}</tr>" for hit in self)
        return f"<p>{'<br>'.join(map(escape, said))}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _why(self, hit: Hit) -> dict[str, Any]:
        return {"why": self.why[hit.id].as_dict()} if hit.id in self.why else {}


def _cells(hit: Hit) -> tuple[str, ...]:
    title = escape(hit.title or hit.id)
    if web_address(hit.url):
        title = f'<a href="{escape(hit.url)}" rel="noreferrer">{title}</a>'
    km = "" if hit.distance_km is None else f"{hit.distance_km:,.0f}"
    return (str(hit.rank), hit.modality, f"{hit.score:.3f}", km, escape(str(hit.place)), title)
