"""Any column of any table of CoordBench, a collection of points with labels (Taylor Geospatial Institute, on Hugging Face).

--tasks coordbench:table=usavars_treecover,column=treecover
--tasks coordbench:table=satclip_country,column=country,kind=classification,absent=0
"""

from typing import Any

from pydantic import Field

from train.probing.tasks._files import Remote, loader, table
from train.probing.tasks._task import Kind, LabelOptions, Task

HUB = "https://huggingface.co/datasets/taylor-geospatial/CoordBench"


class Options(LabelOptions):
    table: str = Field("satclip_elevation", pattern=r"^[a-z0-9_]+$", description="name of the table, as satclip_elevation")
    column: str = Field("elevation", description="the column with the label")
    kind: Kind = Field("regression", description="regression or classification")
    absent: str = Field("", description="a value that stands for no label, as -999")


def build(**options: Any) -> Task:
    chosen = Options.parse(options, where="coordbench")
    address = f"data/{chosen.table}/data.parquet"
    source = f"CoordBench, {chosen.table}.{chosen.column}"
    absent = (chosen.absent, *_numbers(chosen.absent)) if chosen.absent else ()
    remote = Remote(f"{HUB}/resolve/main/{address}", f"coordbench-{chosen.table}.parquet")
    columns: dict[str, Any] = {"lat": "lat", "lon": "lon", "target": chosen.column, "kind": chosen.kind, "source": source}
    formats = (
        table(address, absent=absent, remotes=(remote,), **columns),
        table(f"coordbench/{chosen.table}.parquet", absent=absent, **columns),
    )
    return Task(
        f"coordbench/{chosen.table}.{chosen.column}", chosen.kind, chosen.column, HUB,
        licence="of each table: see its card", citation=f"CoordBench, {HUB}", load=loader("coordbench", chosen, formats),
    )  # fmt: skip


def _numbers(text: str) -> tuple[float, ...]:
    """The value as a number, if it is one: 0 in a table of integers is not '0'."""
    try:
        return (float(text),)
    except ValueError:
        return ()
