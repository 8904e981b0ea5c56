"""How large the files of a table are, and so how many rows can be read at once: of large tiles a thousand rows are gigabytes."""

from typing import Any

AT_ONCE_BYTES, MOST_ROWS = 64 * 2**20, 1024


def bytes_of(fragment: Any) -> int:
    return sum(file.file_size_bytes or 0 for file in fragment.metadata.files)


def rows_at_once(dataset: Any) -> int:
    """How many rows of average size come to ``AT_ONCE_BYTES``: at least one, at most ``MOST_ROWS``."""
    size, rows = sum(map(bytes_of, dataset.get_fragments())), dataset.count_rows()
    return int(min(max(1, AT_ONCE_BYTES * rows // size), MOST_ROWS)) if size else MOST_ROWS
