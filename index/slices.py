"""Two slices of what is held out: ``val`` chooses, ``report`` only measures.

Training stops early by ``val`` and confidence is fitted on it, so a figure on the same rows would flatter the model. Half of all
5 degree blocks are report blocks, in every catalogue the same: a record that a source holds out there is stored as 'report'
(``index.store.ingest``). No command of training reads it.
"""

import numpy as np
import numpy.typing as npt

from index.geo import Degrees, block_of
from index.records import Place, content_id

BLOCK_DEG = 5.0
HELD_OUT = ("val", "report", "test")


def stored_split(split: str, place: Place) -> str:
    """The split of a record in the catalogue: 'val' becomes 'report' in a report block, any other stays."""
    return "report" if split == "val" and bool(in_report_block(place.lat, place.lon)) else split


def in_report_block(lat: Degrees, lon: Degrees) -> npt.NDArray[np.bool_]:
    """Whether each point lies in a report block, elementwise. A hash of the block's number decides, evenly."""
    numbers, inverse = np.unique(block_of(lat, lon, BLOCK_DEG), return_inverse=True)
    chosen = np.array([int(content_id("report block", str(number)), 16) % 2 == 1 for number in numbers.tolist()], dtype=bool)
    return np.asarray(chosen[inverse]).reshape(np.shape(inverse))
