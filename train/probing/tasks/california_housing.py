"""The median value of houses in California's districts (1990): 100,000 dollars in scikit-learn's table, dollars in RANGE's."""

from collections.abc import Callable
from typing import Any

from index.extras import extra
from index.files import cache_folder
from train.probing.tasks._files import loader, table
from train.probing.tasks._task import Labelled, LabelOptions, Task, TaskUnavailableError


class Options(LabelOptions):
    pass


def build(**options: Any) -> Task:
    chosen = Options.parse(options, where="california_housing")
    formats = (
        table(
            "california_housing.csv", lat="Latitude", lon="Longitude", target="MedHouseVal", kind="regression",
            source="scikit-learn's table",
        ),
        table(
            "housing.csv", lat="latitude", lon="longitude", target="median_house_value", kind="regression",
            source="RANGE's copy, in dollars",
        ),
    )  # fmt: skip
    return Task(
        "california_housing", "regression", "median house value",
        source="scikit-learn's fetch_california_housing (StatLib)", licence="public domain",
        citation="Pace and Barry 1997, Statistics and Probability Letters 33:291",
        load=loader("california_housing", chosen, formats, by_scikit_learn(download=chosen.download)),
    )  # fmt: skip


def by_scikit_learn(*, download: bool) -> Callable[[], Labelled]:
    """Through scikit-learn, which pins the archive's SHA-256 and keeps the table in a folder of ours."""

    def load() -> Labelled:
        try:
            found = extra("sklearn.datasets").fetch_california_housing(
                data_home=str(cache_folder() / "labels"), download_if_missing=download
            )
        except OSError as error:
            remedy = (
                "put california_housing.csv or housing.csv into the folder of --labels, or add --download where there is a network"
            )
            raise TaskUnavailableError(f"california_housing: its labels are not here ({error}); {remedy}") from None
        columns = {name: found.data[:, number] for number, name in enumerate(found.feature_names)}
        return Labelled.of(columns["Latitude"], columns["Longitude"], found.target, "regression", "scikit-learn's table")

    return load
