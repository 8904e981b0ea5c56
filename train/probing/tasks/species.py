"""Which species was seen at a point, by place alone: the geographic prior of iNaturalist 2018, for its most observed species.

The papers ask for one of 8,142 species and add the place to what an image classifier says. Without images, and with a few thousand
points, most species would have no observation to learn from. Ours is the same question among the 100 most observed ones.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import InputError, one_line
from train.probing.tasks._files import Format, loader
from train.probing.tasks._task import Labelled, LabelOptions, Task

SOURCE = "iNaturalist 2018 competition, https://github.com/visipedia/inat_comp/tree/master/2018"
FILES = ("train2018.json", "train2018_locations.json")  # out of train2018.json.tar.gz and inat2018_locations.zip there


class Options(LabelOptions):
    most_observed: int = Field(100, ge=2, description="number of species to tell apart")


def build(**options: Any) -> Task:
    chosen = Options.parse(options, where="species")

    def read(paths: Sequence[Path]) -> Labelled:
        return observations(paths, chosen.most_observed)

    return Task(
        "species", "classification", f"one of the {chosen.most_observed} most observed species", SOURCE,
        licence="of each image; for research and education", citation="Van Horn et al. 2018, CVPR, arXiv:1707.06642",
        load=loader("species", chosen, (Format(FILES, read),)),
    )  # fmt: skip


def observations(paths: Sequence[Path], most_observed: int) -> Labelled:
    """Place and species of each image of a species that is among the most observed."""
    try:
        annotations = json.loads(paths[0].read_bytes())["annotations"]
        species = {each["image_id"]: each["category_id"] for each in annotations}
        places = [(each["lat"], each["lon"], species.get(each["id"])) for each in json.loads(paths[1].read_bytes())]
    except (ValueError, LookupError, TypeError, OSError) as error:
        raise InputError(f"{paths[0]} and {paths[1]} are not iNaturalist's of 2018 ({one_line(error)})") from None
    counts = Counter(name for _, _, name in places if name is not None)
    often = {name for name, _ in counts.most_common(most_observed)}
    seen = [each for each in places if each[2] in often]
    lat, lon, names = (np.array([each[number] for each in seen], dtype=object) for number in range(3))
    return Labelled.of(lat, lon, names, "classification", SOURCE)
