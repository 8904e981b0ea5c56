"""What an index is made of: how many rows wait for a vector, which indexes there are, what they and the snapshots weigh on disk."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index.records import Modality
from index.store.catalogue import Catalogue
from index.store.derived import derived_folders
from index.store.manifest import Manifest
from index.store.staging import staged_rows
from index.store.vector_column import VECTOR, without_vector
from index.store.vectors import manifest_of


@dataclass(frozen=True)
class IndexFile:
    """An index inside the Lance table, or a file made from it: the rows it covers (None: not said by its file) and its size."""

    name: str
    kind: str
    rows: int | None
    size_bytes: int


@dataclass(frozen=True)
class Inventory:
    """``stale`` rows have no vector; ``staged`` of them are embedded by a build that has not finished."""

    modality: Modality
    rows: int
    stale: int
    staged: int
    version: int
    fragments: int
    table_bytes: int
    manifest: Manifest | None
    files: list[IndexFile]

    def as_dict(self) -> dict[str, Any]:
        manifest = self.manifest.model_dump(mode="json", exclude={"mean"}) if self.manifest else None
        return {**vars(self), "manifest": manifest, "files": [asdict(file) for file in self.files]}


def inventory_of(catalogue: Catalogue, modality: Modality) -> Inventory:
    """Raises ``CatalogueError`` if the catalogue has no such table."""
    table = catalogue.table(modality)
    dataset = table.to_lance()
    rows = int(table.count_rows())
    stale = len(without_vector(dataset)) if VECTOR in dataset.schema.names else rows
    inside = [IndexFile(each.name, each.index_type, each.num_indexed_rows, each.size_bytes or 0) for each in table.list_indices()]
    files = [path for folder in derived_folders(catalogue.uri, modality) for path in sorted(folder.rglob("*")) if path.is_file()]
    beside = [IndexFile(str(Path(path.parent.name) / path.name), _kind(path), None, path.stat().st_size) for path in files]
    size = sum(file.file_size_bytes or 0 for each in dataset.get_fragments() for file in each.metadata.files)
    return Inventory(
        modality, rows, stale, staged_rows(catalogue, modality), int(dataset.version), len(dataset.get_fragments()), size,
        manifest_of(catalogue, modality), inside + beside,
    )  # fmt: skip


def _kind(path: Path) -> str:
    return {".faiss": "FAISS", ".npy": "vectors"}.get(path.suffix, "rows")
