"""``placebind ui``: the map and the HTTP API."""

from typing import Annotated

import typer

from ui.cli.flags import (
    BasePathFlag,
    CataloguesFlag,
    CheckpointFlag,
    HostFlag,
    PublicNameFlag,
    TokenFlag,
    catalogues_or_default,
)


def open_map(
    catalogue: CataloguesFlag = None,
    checkpoint: CheckpointFlag = None,
    host: HostFlag = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port to listen on; 0: any that is free")] = 8501,
    name: PublicNameFlag = None,
    base_path: BasePathFlag = "",
    token: TokenFlag = "",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="open the page in the browser, where there is a screen")
    ] = True,
) -> None:
    """Open the map in the browser, and the HTTP API next to it at /api/docs."""
    from ui.server.serve import serve

    serve(
        catalogues_or_default(catalogue), checkpoint=checkpoint, host=host, port=port, token=token, names=name or [],
        below=base_path, open_browser=open_browser,
    )  # fmt: skip
