"""The weather stations of Hooker et al. (2018), which SatCLIP, PE-GNN, RANGE and CoordBench all take: 3,076 long-term means."""

from train.probing.tasks._files import Format, Remote, table
from train.probing.tasks._table_task import Publication, TableTask, by_name

HOOKER = Publication(
    source="stations of Hooker et al. 2018 (figshare 12609182)",
    licence="not stated with the file on figshare",
    citation="Hooker, Duveiller and Cescatti 2018, Scientific Data 5:180246, doi:10.1038/sdata.2018.246",
)
_FIGSHARE = Remote("https://springernature.figshare.com/ndownloader/files/12609182", "stationDataAll.csv")


def _formats(own_column: str, published_column: str) -> tuple[Format, ...]:
    return (
        table(
            "air_temperature_stations.parquet",
            lat="lat", lon="lon", target=own_column, kind="regression", source=f"{HOOKER.source}, as Parquet",
        ),
        table(
            "stationDataAll.csv",
            lat="Lat", lon="Lon", target=published_column, kind="regression", source=HOOKER.source, remotes=(_FIGSHARE,),
        ),
        table(
            "temp.csv", lat="Lat", lon="Lon", target=published_column, kind="regression", source=f"{HOOKER.source}, RANGE's copy",
        ),
    )  # fmt: skip


COMPONENTS = by_name(
    TableTask(
        "air_temperature", "Annual mean air temperature: the task most papers on location encoders share.",
        "regression", "°C", HOOKER, _formats("mean_air_temp_c", "meanT"),
    ),
    TableTask(
        "precipitation", "Annual precipitation.",
        "regression", "mm a year", HOOKER, _formats("mean_annual_precip_mm", "meanP"),
    ),
)  # fmt: skip
