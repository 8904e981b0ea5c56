"""Glottolog: where languages are spoken, and of which family they are."""

from train.probing.tasks._files import table
from train.probing.tasks._table_task import Publication, TableTask, by_name

GLOTTOLOG = Publication(
    source="Glottolog 5.1 (github.com/glottolog/glottolog-cldf)",
    licence="CC BY 4.0",
    citation="Hammarström, Forkel, Haspelmath and Bank 2024, Glottolog 5.1, doi:10.5281/zenodo.14006617",
)

COMPONENTS = by_name(
    TableTask(
        "language_family", "Which of 38 families the language of a place belongs to.", "classification", "family", GLOTTOLOG,
        (
            table(
                "language_families.parquet",
                lat="lat", lon="lon", target="label", kind="classification", source=GLOTTOLOG.source,
            ),
        ),
    ),
)  # fmt: skip
