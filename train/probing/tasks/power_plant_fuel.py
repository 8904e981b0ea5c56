"""What a power plant burns (or turns by): the primary fuel of 35,000 plants, 15 classes."""

from typing import Any

from train.probing.tasks._files import Remote, loader, table
from train.probing.tasks._task import LabelOptions, Task

SOURCE = "Global Power Plant Database 1.3 (World Resources Institute)"
_FILE = "global_power_plant_database.csv"
_GITHUB = Remote(f"https://raw.githubusercontent.com/wri/global-power-plant-database/master/output_database/{_FILE}", _FILE)


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    plants = table(
        _FILE, lat="latitude", lon="longitude", target="primary_fuel", kind="classification", source=SOURCE, remotes=(_GITHUB,)
    )
    return Task(
        "power_plant_fuel", "classification", "fuel", SOURCE, licence="CC BY 4.0",
        citation="Byers et al. 2019, A Global Database of Power Plants, World Resources Institute",
        load=loader("power_plant_fuel", Options.parse(options, where="power_plant_fuel"), (plants,)),
    )  # fmt: skip
