"""The weather stations of Hooker et al. (2018), which SatCLIP, PE-GNN, RANGE and CoordBench all take: 3,076 long-term means."""

from train.probing.tasks._files import Format, Remote, table

SOURCE = "stations of Hooker et al. 2018 (figshare 12609182)"
LICENCE = "not stated with the file on figshare"
CITATION = "Hooker, Duveiller and Cescatti 2018, Scientific Data 5:180246, doi:10.1038/sdata.2018.246"
_FIGSHARE = Remote("https://springernature.figshare.com/ndownloader/files/12609182", "stationDataAll.csv")


def formats(own_column: str, published_column: str) -> tuple[Format, ...]:
    return (
        table(
            "air_temperature_stations.parquet",
            lat="lat", lon="lon", target=own_column, kind="regression", source=f"{SOURCE}, as Parquet",
        ),
        table(
            "stationDataAll.csv",
            lat="Lat", lon="Lon", target=published_column, kind="regression", source=SOURCE, remotes=(_FIGSHARE,),
        ),
        table("temp.csv", lat="Lat", lon="Lon", target=published_column, kind="regression", source=f"{SOURCE}, RANGE's copy"),
    )  # fmt: skip
