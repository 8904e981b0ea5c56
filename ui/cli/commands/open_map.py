"""``placebind ui``: the map and the HTTP API."""

import os
from typing import Annotated

import typer

from ui.cli.flags import DEFAULT_CATALOGUE, CheckpointFlag


def open_map(
    catalogue: Annotated[
        list[str] | None,
        typer.Option(
            "--catalogue", "-c", help="folder of a catalogue, or NAME=FOLDER; repeat it to compare models", show_default=False
        ),
    ] = None,
    checkpoint: CheckpointFlag = None,
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0: everywhere, which wants a --token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port to listen on; 0: any that is free")] = 8501,
    name: Annotated[list[str] | None, typer.Option(help="name that a proxy gives it, as maps.example; may be repeated")] = None,
    base_path: Annotated[str, typer.Option(help="path that a proxy passes on to it, as /maps")] = "",
    token: Annotated[str, typer.Option(envvar="PLACEBIND_TOKEN", help="what visitors must know: they come with ?token=…")] = "",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="open the page in the browser, where there is a screen")
    ] = True,
) -> None:
    """Open the map in the browser, and the HTTP API next to it at /api/docs."""
    from ui.server.serve import serve

    serve(
        catalogue or [_default_catalogue()], checkpoint=checkpoint, host=host, port=port, token=token, names=name or [],
        below=base_path, open_browser=open_browser,
    )  # fmt: skip


def _default_catalogue() -> str:
    return os.environ.get("PLACEBIND_CATALOGUE") or str(DEFAULT_CATALOGUE)
