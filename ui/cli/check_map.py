"""A picture of where the records of a catalogue are, and where they have findings: Pillow over NASA Blue Marble."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.extras import extra
from index.files import CHOOSE_ANOTHER, made_whole
from index.places.packaged import basemap_file
from index.progress import Progress, Quiet
from index.quality.findings import SEVERITIES, Finding, FrozenTable, Severity
from index.records import MODALITIES, Modality
from index.store.catalogue import Catalogue

WIDTH_PX, HEIGHT_PX = 2048, 1024  # plate carree: 0.18 degrees a pixel
LEGEND_PX = 44
Colour = tuple[int, int, int]
DOTS: dict[Modality, Colour] = {"locations": (150, 150, 150), "articles": (255, 255, 255), "tiles": (90, 230, 255)}
DOT_PX: dict[Modality, int] = {"locations": 1, "articles": 2, "tiles": 3}
RINGS: dict[Severity, tuple[Colour, int]] = {
    "note": ((150, 255, 120), 4),
    "warning": ((255, 190, 0), 7),
    "error": ((255, 40, 60), 10),
}


def load_world() -> Any:
    """The darkened world as a Pillow image. Raises ``MissingExtraError`` without the [demo] extra."""
    picture = extra("PIL.Image").open(basemap_file("bmng.jpg")).convert("RGB").resize((WIDTH_PX, HEIGHT_PX))
    return picture.point(lambda value: value * 0.6)


def draw_map(world: Any, catalogue: Catalogue, findings: Sequence[Finding], path: Path, progress: Progress | None = None) -> None:
    """Save a PNG: a dot for each record, a ring around each record with findings; complete or not written at all."""
    canvas = np.zeros((HEIGHT_PX + LEGEND_PX, WIDTH_PX, 3), dtype=np.uint8)
    canvas[:HEIGHT_PX] = np.asarray(world)
    grave = {finding.id: finding.severity for finding in sorted(findings, key=_gravity) if finding.id}
    marked: list[tuple[Severity, float, float]] = []
    counts: dict[str, int] = {}
    for table in (each for each in DOTS if each in MODALITIES and catalogue.count(each)):
        for batch in FrozenTable(catalogue, table).batches(["lat", "lon"], progress or Quiet(), f"draw {table}"):
            x, y = to_pixels(batch.lat, batch.lon)
            _dots(canvas, x, y, DOTS[table], DOT_PX[table])
            ids = batch.columns["id"]
            marked += [(grave[id_], at_x, at_y) for id_, at_x, at_y in zip(ids, x, y, strict=True) if id_ in grave]
            counts[table] = counts.get(table, 0) + len(batch)
    image = extra("PIL.Image").fromarray(canvas)
    draw = extra("PIL.ImageDraw").Draw(image)
    for severity, x_px, y_px in sorted(marked, key=lambda mark: -SEVERITIES.index(mark[0])):
        colour, radius = RINGS[severity]
        draw.ellipse((x_px - radius, y_px - radius, x_px + radius, y_px + radius), outline=colour, width=2)
    _legend(draw, counts, findings)
    with made_whole(path, InputError, CHOOSE_ANOTHER) as partial:
        image.save(partial, format="PNG")


def to_pixels(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Column and row of each point; a point off the Earth is drawn at its edge, NaN in the corner."""
    x = np.nan_to_num((lon + 180) / 360 * WIDTH_PX).clip(0, WIDTH_PX - 1)
    y = np.nan_to_num((90 - lat) / 180 * HEIGHT_PX).clip(0, HEIGHT_PX - 1)
    return x.astype(np.int64), y.astype(np.int64)


def _gravity(finding: Finding) -> int:
    return -SEVERITIES.index(finding.severity)  # ascending, so the most severe finding of a record stays


def _dots(canvas: npt.NDArray[np.uint8], x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], colour: Colour, side_px: int) -> None:
    for down in range(side_px):
        for right in range(side_px):
            canvas[(y + down).clip(0, HEIGHT_PX - 1), (x + right).clip(0, WIDTH_PX - 1)] = colour


def _legend(draw: Any, counts: dict[str, int], findings: Iterable[Finding]) -> None:
    font, x, y = extra("PIL.ImageFont").load_default(size=20), 20, HEIGHT_PX + LEGEND_PX // 2
    found = [finding.severity for finding in findings]
    entries: list[tuple[Colour, int, str, int]] = [
        (DOTS[table], counts[table], table, 3) for table in MODALITIES if table in counts
    ]
    entries += [(RINGS[severity][0], found.count(severity), f"{severity}s", RINGS[severity][1]) for severity in SEVERITIES]
    for at, (colour, count, name, radius) in enumerate(entries):
        filled = {"fill": colour} if at < len(counts) else {"outline": colour, "width": 2}
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), **filled)
        label = f"{count:,} {name}"
        draw.text((x + 18, y), label, fill=(230, 230, 230), font=font, anchor="lm")
        x += int(draw.textlength(label, font=font)) + 60
