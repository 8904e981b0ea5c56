"""The documentation's site: it builds without a warning, needs nothing from elsewhere, and has every command and public name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import retrieval
from index.registry import names

pytest.importorskip("properdocs", reason="needs the [docs] extra")
ROOT = Path(__file__).parent.parent
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']([^"']+)|<link\b[^>]*\bhref=["']([^"']+)|url\(["']?([^)"']+)|@import"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_a_script_a_font_or_a_style_from_elsewhere(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    addresses = ["".join(match) for file in files for match in LOADED.findall(file.read_text(encoding="utf-8"))]
    assert len(addresses) > len(files)
    assert [each for each in addresses if re.match(r"(?!data:)\w+:|//|$", each)] == []


def test_the_page_on_the_command_line_has_every_command_and_no_folder_of_who_built_it(site: Path) -> None:
    page = (site / "docs" / "reference" / "command-line.html").read_text(encoding="utf-8")
    commands = ["train", "search", "index build", *(f"ingest {name.replace('_', '-')}" for name in names("index.sources"))]
    assert [command for command in commands if f"<code>placebind {command}</code></h" not in page] == []
    assert str(Path.home()) not in page
    assert "~/.placebind/demo" in page


def test_the_page_on_python_has_what_retrieval_offers_with_its_methods(site: Path) -> None:
    page = (site / "docs" / "reference" / "python.html").read_text(encoding="utf-8")
    for name in ("open", "search", "heat", "embed_texts"):
        assert f'id="retrieval.Space.{name}"' in page
    assert [name for name in retrieval.__all__ if f'id="retrieval.{name}"' not in page] == []
