"""Parts are found by the name of their file; every part of every registry keeps the contract."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from index.errors import ConfigError
from index.registry import REGISTRIES, load, names, resolve
from index.settings import Settings

EVERY_PART = [(package, name) for package in REGISTRIES for name in names(package)]
EVERY_SOURCE = [name for package, name in EVERY_PART if package == "index.sources"]


# The contract


@pytest.mark.parametrize("package", REGISTRIES)
def test_every_registry_has_at_least_one_part(package: str) -> None:
    assert names(package)


@pytest.mark.parametrize(("package", "name"), EVERY_PART)
def test_every_part_says_where_it_stands_in_a_docstring(package: str, name: str) -> None:
    assert (load(package, name).__doc__ or "").strip()


@pytest.mark.parametrize(("package", "name"), EVERY_PART)
def test_every_part_has_frozen_options(package: str, name: str) -> None:
    options = load(package, name).Options
    assert issubclass(options, Settings)
    assert options.model_config["extra"] == "forbid"
    unchecked = options.model_construct()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(unchecked, next(iter(options.model_fields), "anything"), 1)


@pytest.mark.parametrize(("package", "name"), EVERY_PART)
def test_every_part_refuses_an_unknown_option_in_one_line(package: str, name: str) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'no_such_option'") as refused:
        resolve(package, name, {"no_such_option": 1})
    assert "\n" not in str(refused.value)
    assert f"{package}.{name}" in str(refused.value)


@pytest.mark.parametrize(("package", "name"), EVERY_PART)
def test_every_part_is_built_from_its_options_by_name(package: str, name: str) -> None:
    build = load(package, name).build
    kinds = {parameter.kind for parameter in inspect.signature(build).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD in kinds, "build takes **options"
    assert kinds <= {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}, "build takes nothing by position"


@pytest.mark.parametrize("name", EVERY_SOURCE)
def test_every_source_refuses_an_unknown_option_before_it_does_any_work(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'no_such_option'"):
        load("index.sources", name).build(no_such_option=1)


@pytest.mark.parametrize("name", EVERY_SOURCE)
def test_every_source_names_the_licence_of_its_data(name: str) -> None:
    assert re.search(r"licen[cs]e|CC[ -]BY|CC0|public domain", load("index.sources", name).__doc__ or "", re.IGNORECASE)


@pytest.mark.parametrize("name", EVERY_SOURCE)
def test_every_option_of_a_source_is_described_for_the_command_line(name: str) -> None:
    fields = load("index.sources", name).Options.model_fields
    assert [key for key, field in fields.items() if not field.description] == []


# Finding parts


def test_a_part_is_found_by_the_name_of_its_file() -> None:
    assert load("index.sources", "parquet_articles").__name__ == "index.sources.parquet_articles"


def test_dashes_and_underscores_are_the_same() -> None:
    assert load("index.sources", "parquet-articles") is load("index.sources", "parquet_articles")


def test_an_unknown_name_lists_the_choices() -> None:
    with pytest.raises(ConfigError) as refused:
        load("index.sources", "wikipeda")
    message = str(refused.value)
    assert "'wikipeda'" in message
    for name in names("index.sources"):
        assert name in message


@pytest.mark.parametrize("name", ["", "__init__", "..errors", "index.errors", "parquet_articles.py"])
def test_nothing_but_a_parts_name_is_loaded(name: str) -> None:
    with pytest.raises(ConfigError, match="choose one of"):
        load("index.sources", name)


def test_resolving_fills_in_the_defaults_and_keeps_what_is_given() -> None:
    resolved = resolve("index.sources", "parquet-articles", {"paths": ["a.csv"], "lat": "y"})
    assert resolved.model_dump() | {"paths": (Path("a.csv"),), "lat": "y", "lon": ""} == resolved.model_dump()


def test_resolving_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"index\.sources\.parquet_articles: paths: Field required"):
        resolve("index.sources", "parquet_articles", {})


# Adding parts


OUTSIDER = '"""A source from a friend."""\nfrom index.settings import Settings\nclass Options(Settings):\n    year: int = 1984\n'


def test_dropping_a_file_into_a_package_is_all_the_registration_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "invented_registry"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "lighthouse.py").write_text(OUTSIDER)
    (package / "_helper.py").write_text("raise RuntimeError('a private module is nobody\\'s part')")
    monkeypatch.syspath_prepend(tmp_path)
    assert names("invented_registry") == ["lighthouse"]
    assert resolve("invented_registry", "lighthouse", {}).model_dump() == {"year": 1984}


TABLE = """
class Row:
    Options = None
    def __init__(self, height_m): self.height_m = height_m
    def build(self, **options): return self.height_m
COMPONENTS = {"eddystone": Row(49), "pharos": Row(103)}
"""


def test_a_file_in_a_folder_of_a_registry_offers_several_components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "registry_of_rows" / "tables").mkdir(parents=True)
    for folder in ("registry_of_rows", "registry_of_rows/tables"):
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "registry_of_rows" / "alone.py").write_text(OUTSIDER)
    (tmp_path / "registry_of_rows" / "tables" / "lighthouses.py").write_text(TABLE)
    monkeypatch.syspath_prepend(tmp_path)
    assert names("registry_of_rows") == ["alone", "eddystone", "pharos"]
    assert load("registry_of_rows", "pharos").build() == 103
    for no_component in ("tables", "lighthouses"):
        with pytest.raises(ConfigError, match="choose one of: alone, eddystone, pharos"):
            load("registry_of_rows", no_component)


@pytest.mark.parametrize("package", REGISTRIES)
def test_asking_for_names_imports_nothing_heavy(package: str) -> None:
    heavy = "{'torch', 'pandas', 'geopandas', 'sklearn', 'scipy', 'lancedb', 'pyarrow', 'requests'}"
    code = f"import sys; from index.registry import names; names('{package}'); print(sorted({heavy} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_package_from_outside_joins_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "friends_source.py").write_text(OUTSIDER)
    information = tmp_path / "friend-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: friend\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[placebind.index.sources]\nfrom-a-friend = friends_source\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "from_a_friend" in names("index.sources")
    assert load("index.sources", "from-a-friend").__name__ == "friends_source"
    assert resolve("index.sources", "from_a_friend", {"year": 2001}).model_dump() == {"year": 2001}
    assert "from_a_friend" not in names("index.search.backends")


def test_a_module_is_imported_only_when_it_is_chosen() -> None:
    program = (
        "import sys; from index.registry import load, names; names('index.sources'); load('index.sources', 'parquet_articles');"
        "print(*[name for name in sys.modules if name.startswith('index.sources.')])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["index.sources.parquet_articles"]
