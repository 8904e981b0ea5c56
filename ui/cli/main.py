"""The command line: its commands, one file each in ``ui.cli.commands``, and its exit codes."""

import os
import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from index.errors import PlaceBindError
from index.extras import not_installed
from ui.cli.asking import Asking
from ui.cli.commands import indexing, ingest
from ui.cli.commands.calibrate import calibrate
from ui.cli.commands.check import check
from ui.cli.commands.classify import classify
from ui.cli.commands.demo import demo
from ui.cli.commands.doctor import doctor
from ui.cli.commands.evaluate import evaluate
from ui.cli.commands.export_encoder import export_encoder
from ui.cli.commands.heat import heat
from ui.cli.commands.info import info
from ui.cli.commands.locate import locate
from ui.cli.commands.mcp import mcp
from ui.cli.commands.open_map import open_map
from ui.cli.commands.search import search
from ui.cli.commands.serve import serve
from ui.cli.commands.train_model import train
from ui.console import err, out, plain

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        out.print(f"placebind {version('placebind')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Search the Earth by what is written about a place, what it looks like from space, and where it is."""


def main() -> None:
    """Run the command line. Expected errors are one line on standard error and exit code 2; Ctrl-C is 130."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal or pipe that is not UTF-8 shows '?' for missing characters
            stream.reconfigure(errors="replace")
    try:
        app()
    except PlaceBindError as error:
        err.print(f"[bold red]error:[/] {plain(str(error))}", soft_wrap=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        lacking = not_installed(error)
        if lacking is None:
            raise
        err.print(f"[bold red]error:[/] {plain(str(lacking))}", soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        err.print("stopped; finished work is kept; run the same command again to resume")
        sys.exit(130)


app.add_typer(ingest.app, name="ingest")
app.command()(train)
app.add_typer(indexing.app, name="index")
app.command(cls=Asking)(search)
app.command(cls=Asking)(heat)
app.command()(classify)
app.command()(locate)
app.command()(evaluate)
app.command()(info)
app.command()(check)
app.command()(doctor)
app.command(name="ui")(open_map)
app.command()(serve)
app.command()(mcp)
app.command()(demo)
app.command()(calibrate)
app.command()(export_encoder)
