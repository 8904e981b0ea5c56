"""The environment of human societies in D-PLACE: what grows, lives and rains at 2,000 places on all continents."""

from train.probing.tasks._files import table
from train.probing.tasks._table_task import Publication, TableTask, by_name
from train.probing.tasks._task import Kind

DPLACE = Publication(
    source="D-PLACE, environmental data at the places of societies (github.com/D-PLACE/dplace-data)",
    licence="CC BY 4.0",
    citation="Kirby et al. 2016, PLoS ONE 11:e0158391, doi:10.1371/journal.pone.0158391",
)
FILE = "dplace_environment.parquet"


def _task(name: str, asks: str, kind: Kind, unit: str, variable: str) -> TableTask:
    rows = table(
        FILE,
        lat="lat",
        lon="lon",
        target="label",
        kind=kind,
        source=f"{DPLACE.source}, {variable}",
        where=("task", f"dplace_{variable}"),
    )
    return TableTask(name, asks, kind, unit, DPLACE, (rows,))


COMPONENTS = by_name(
    _task("dplace_biome", "Which of 14 biomes lies around a society.", "classification", "biome", "TEOW_Biome"),
    _task("dplace_ecoregion", "Which ecoregion lies around a society.", "classification", "ecoregion", "TEOW_EcoRegion"),
    _task(
        "net_primary_productivity", "How much carbon the plants around a society bind in a month.",
        "regression", "gC/m2/month", "MODIS_MonthlyMeanNetPrimaryProduction",
    ),
    _task("bird_richness", "How many species of birds live there.", "regression", "species", "Jenkins_BirdRichness"),
    _task("mammal_richness", "How many species of mammals live there.", "regression", "species", "Jenkins_MammalRichness"),
    _task("amphibian_richness", "How many species of amphibians live there.", "regression", "species", "Jenkins_AmphibianRichness"),
    _task("plant_richness", "How many species of plants grow there.", "regression", "species", "Kreft_VascularPlantsRichness"),
    _task("dplace_temperature", "Annual mean temperature.", "regression", "°C", "ecoClimate_AnnualMeanTemperature"),
    _task(
        "dplace_precipitation", "Mean precipitation of a month.", "regression", "ml/m2/month", "ecoClimate_MonthlyMeanPrecipitation"
    ),
    _task("coast_distance", "How far the sea is.", "regression", "km", "GSHHS_DistToCoast_km"),
    _task("dplace_elevation", "Mean elevation around a society.", "regression", "m", "GMTED2010_Elevation"),
    _task("slope", "Mean slope around a society.", "regression", "°", "GMTED2010_Slope"),
)  # fmt: skip
