"""What the command line imports: each of these takes longer than the search that does without it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from index.store.vectors import begin_vectors, finish_vectors, write_vectors
from retrieval import Space
from tests.worlds import catalogue_with, locations
from train.checkpoint import Checkpoint
from train.shipped import shipped_model

HEAVY = ("torch", "transformers", "sentence_transformers", "timm", "open_clip", "sklearn", "lancedb", "lance", "pandas", "scipy",
         "geopandas", "streamlit")  # fmt: skip
PROGRAM = """
import json, sys
sys.argv = ["placebind", *json.loads(sys.argv[1])]
from ui.cli.start import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports") / "world"
    catalogue, checkpoint = catalogue_with(folder, locations=locations(40)), Checkpoint.open(shipped_model())
    space, digest = Space(checkpoint, catalogue), checkpoint.digest_of("locations")
    ids = begin_vectors(catalogue, "locations", digest, space.dim)
    rows = catalogue.rows("locations", ids, ["lat", "lon"])
    write_vectors(catalogue, "locations", ids, space.embed_places(rows["lat"].to_numpy(), rows["lon"].to_numpy()))
    finish_vectors(catalogue, "locations", digest, space.preprocessing("locations"))
    return folder


def imported_by(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(arguments)], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize("question", [("search", "salt flats", "--no-names"), ("search", "--lat", "10", "--lon", "20")])
def test_a_second_search_imports_nothing_heavy(question: tuple[str, ...], world: Path) -> None:
    imported_by(*question, "-c", str(world))  # notes what it finds
    assert imported_by(*question, "-c", str(world)).isdisjoint(HEAVY)


def test_help_and_version_import_neither_numpy_nor_pydantic() -> None:
    assert imported_by("--help").isdisjoint({*HEAVY, "numpy", "pydantic", "pyarrow"})
    assert imported_by("--version").isdisjoint({*HEAVY, "numpy", "pydantic", "pyarrow", "typer", "rich"})


def test_the_encoder_alone_needs_neither_tables_nor_torch() -> None:
    program = (
        "import json, sys; from train.encode import Encoder; e = Encoder.open(); e.texts(['x']); e.places(1.0, 2.0);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in json.loads(done.stdout)}.isdisjoint({*HEAVY, "pyarrow"})
