"""Records as rows of a table -> vectors, by whichever encoders: what a question names by its id is embedded like this."""

import pyarrow as pa

from index.imagery.pixels import decode_pixels
from index.records import Modality
from train.image.prepared import TILE_COLUMNS
from train.queries.encoders import QueryEncoders, Shown, Vectors
from train.text.passages import ARTICLE_COLUMNS, whole_text

# The columns of a record's row that its vector is made from.
ROW_COLUMNS: dict[Modality, tuple[str, ...]] = {
    "articles": ("lat", "lon", *ARTICLE_COLUMNS),
    "tiles": ("lat", "lon", *TILE_COLUMNS),
    "locations": ("lat", "lon"),
}


def vectors_of_rows(encoders: QueryEncoders, modality: Modality, rows: pa.Table) -> Vectors:
    """[N, dim] of rows with ``ROW_COLUMNS``. No cache is read or written, so any number of processes can do this at a time."""
    if modality == "locations":
        return encoders.places(rows["lat"].to_numpy(), rows["lon"].to_numpy())
    if modality == "tiles":
        return encoders.tiles([_shown(row) for row in rows.select(TILE_COLUMNS).to_pylist()])
    titles, texts = (rows[name].to_pylist() for name in ARTICLE_COLUMNS)
    return encoders.texts([whole_text(title, text) for title, text in zip(titles, texts, strict=True)], texts)


def _shown(row: dict[str, object]) -> Shown:
    bands: tuple[str, ...] = tuple(row["bands"])  # type: ignore[arg-type]
    pixels = decode_pixels(row["pixels"], (len(bands), row["height"], row["width"]), row["dtype"])  # type: ignore[arg-type]
    return Shown(pixels, bands, str(row["sensor"]), str(row["level"] or ""), str(row["date"] or ""))
