"""Hooks of the documentation's generator (properdocs.yml): which files are pages, and what is made when the site is built.

The site keeps the repository's layout, so a link between two pages works on a code host and in the site. The page on the command
line is made from the commands themselves.
"""

import subprocess
import sys
from pathlib import Path

from properdocs.config.defaults import ProperDocsConfig
from properdocs.structure.files import File, Files
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "benchmarks/*.md", "train/shipped/*.md", "docs/**/*.md", "docs/images/**/*.png")
COMMAND_LINE = "docs/reference/command-line.md"
STYLES = "docs/highlight.css"
SMALLER = ".doc-heading code { font-size: 1rem; overflow-wrap: anywhere; }"  # a signature is a heading


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    paths = sorted({path.relative_to(ROOT) for pattern in PAGES for path in ROOT.glob(pattern)})
    found = [File.generated(config, path.as_posix(), abs_src_path=str(ROOT / path)) for path in paths]
    made = {COMMAND_LINE: command_line(), STYLES: f"{HtmlFormatter().get_style_defs('.highlight')}\n{SMALLER}\n"}
    of_theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*of_theme, *found, *(File.generated(config, uri, content=text) for uri, text in made.items())])


def command_line() -> str:
    """All commands with their help, as Typer writes them; the home folder of who builds the site is shown as ~."""
    asked = [sys.executable, "-m", "typer", "ui.cli.main", "utils", "docs", "--name", "placebind", "--title", "Command line"]
    made = subprocess.run(asked, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return made.stdout.replace(str(Path.home()), "~")
