"""The Global Power Plant Database of the World Resources Institute: 35,000 plants."""

from train.probing.tasks._files import Remote, table
from train.probing.tasks._table_task import Publication, TableTask, by_name

WRI = Publication(
    source="Global Power Plant Database 1.3 (World Resources Institute)",
    licence="CC BY 4.0",
    citation="Byers et al. 2019, A Global Database of Power Plants, World Resources Institute",
)
_FILE = "global_power_plant_database.csv"
_GITHUB = Remote(f"https://raw.githubusercontent.com/wri/global-power-plant-database/master/output_database/{_FILE}", _FILE)
_PLANTS = table(
    _FILE, lat="latitude", lon="longitude", target="primary_fuel", kind="classification", source=WRI.source, remotes=(_GITHUB,)
)

COMPONENTS = by_name(
    TableTask(
        "power_plant_fuel", "What a power plant burns (or turns by): its primary fuel, 15 classes.",
        "classification", "fuel", WRI, (_PLANTS,),
    ),
)  # fmt: skip
