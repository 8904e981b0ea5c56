"""All checks of a catalogue: everything in it that is wrong, doubtful or worth knowing. They change nothing.

catalogue -> here -> the report of `placebind check`. Each check takes a catalogue, or the batches of one pass over a table, and
returns findings. A check whose data is not installed is named in a note of the kind 'not-checked'; the others still run.
"""

from collections import Counter

import numpy as np

from index.errors import MissingExtraError
from index.places.country_at import Countries, load_countries
from index.places.packaged import is_land
from index.progress import Progress, Quiet
from index.quality.duplicates import near_duplicates, rounded_points
from index.quality.findings import SEVERITIES, Batch, Finding, FrozenTable
from index.quality.misplaced import at_sea, bad_coordinates, elsewhere
from index.quality.overlaps import overlapping_tiles
from index.records import MODALITIES, Modality
from index.store.catalogue import Catalogue

__all__ = ["Finding", "examine", "near_duplicates", "overlapping_tiles", "record_findings", "rounded_points"]

MIN_CHARACTERS = 20
MIN_VALID = 0.5
_COLUMNS: dict[Modality, tuple[str, ...]] = {
    "articles": ("lat", "lon", "country", "text"),
    "tiles": ("lat", "lon", "country", "valid"),
    "locations": ("lat", "lon", "country"),
}


def examine(catalogue: Catalogue, progress: Progress | None = None) -> list[Finding]:
    """All checks of all tables, the most serious findings first."""
    progress = progress or Quiet()
    tables = [modality for modality in MODALITIES if catalogue.count(modality)]
    countries, found = _countries(tables)
    for table in tables:
        found += record_findings(catalogue, table, countries, progress)
    if "articles" in tables:
        found += near_duplicates(catalogue, progress)
    if "tiles" in tables:
        found += overlapping_tiles(catalogue, progress) + mixed_levels(catalogue)
    if "locations" in tables:
        found += rounded_points(catalogue, progress)
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.kind, each.table, each.title, each.id))


def record_findings(
    catalogue: Catalogue, table: Modality, countries: Countries | None, progress: Progress | None = None
) -> list[Finding]:
    """Findings about single records, in one pass. Without ``countries``, only impossible places are found."""
    found: list[Finding] = []
    for batch in FrozenTable(catalogue, table).batches(_COLUMNS[table], progress or Quiet(), f"check {table}"):
        found += bad_coordinates(batch)
        if countries:
            misplaced = elsewhere(batch, countries)
            known = {finding.id for finding in misplaced}  # a wrong sign that leads to the sea is one mistake
            found += misplaced + [finding for finding in at_sea(batch, countries) if finding.id not in known]
        if table == "articles":
            found += poor_texts(batch)
        if table == "tiles":
            found += poor_tiles(batch)
    return found


def poor_texts(batch: Batch) -> list[Finding]:
    """Articles without a title, and with texts of fewer than 20 characters."""
    found = []
    for row, (title, text) in enumerate(zip(batch.columns["title"], batch.columns["text"], strict=True)):
        if not title.strip():
            remedy = "name the column with the titles (--title) when you ingest it"
            found.append(batch.finding(row, "no-title", "warning", f"the article '{text[:40]}' has no title", remedy))
        if len(text.strip()) < MIN_CHARACTERS:
            why = f"its text is only '{text.strip()}'; fewer than {MIN_CHARACTERS} characters say nothing about a place"
            found.append(batch.finding(row, "short-text", "warning", why, "leave it out, or ingest the full text"))
    return found


def poor_tiles(batch: Batch) -> list[Finding]:
    """Tiles less than half of which has data."""
    valid = np.array(batch.columns["valid"], dtype=np.float64)
    remedy = "leave it out, or take another date"
    return [
        batch.finding(row, "few-valid-pixels", "warning", f"only {valid[row]:.0%} of its pixels have data", remedy)
        for row in np.flatnonzero(~(valid >= MIN_VALID)).tolist()
    ]


def mixed_levels(catalogue: Catalogue) -> list[Finding]:
    """A note for each sensor of which the catalogue holds more than one processing level."""
    levels: dict[str, Counter[str]] = {}
    for batch in FrozenTable(catalogue, "tiles").batches(["sensor", "level"], Quiet(), "levels"):
        for sensor, level in zip(batch.columns["sensor"], batch.columns["level"], strict=True):
            levels.setdefault(sensor, Counter())[level or "no level"] += 1
    return [
        Finding(
            kind="mixed-levels", severity="note", table="tiles",
            why=f"{sensor}: " + ", ".join(f"{count} tiles of {level}" for level, count in sorted(counts.items())),
            remedy="none needed; L1C is brighter in blue than L2A, keep to one level where that matters",
        )
        for sensor, counts in sorted(levels.items())
        if len(counts) > 1
    ]  # fmt: skip


def _countries(tables: list[Modality]) -> tuple[Countries | None, list[Finding]]:
    try:
        is_land(0.0, 0.0)
        return load_countries(), []
    except MissingExtraError as error:
        why = f"whether points lie in the country they name, or at sea: {error}"
        remedy = "pip install 'placebind[demo]'"
        return None, [Finding(kind="not-checked", severity="note", table=table, why=why, remedy=remedy) for table in tables]
