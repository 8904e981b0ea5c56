"""``placebind serve``: the HTTP API alone."""

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


def serve(
    catalogue: CataloguesFlag = None,
    checkpoint: CheckpointFlag = None,
    host: HostFlag = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port to listen on; 0: any that is free")] = 8502,
    workers: Annotated[int, typer.Option(min=1, max=64, help="processes that answer; they share the vectors in memory")] = 1,
    name: PublicNameFlag = None,
    base_path: BasePathFlag = "",
    token: TokenFlag = "",
) -> None:
    """Serve the HTTP API alone, without the page; it prints a line of JSON for each request and has metrics at /metrics."""
    from ui.server.serve_api import serve_api

    serve_api(
        catalogues_or_default(catalogue), checkpoint=checkpoint, host=host, port=port, token=token, names=name or [],
        below=base_path, workers=workers,
    )  # fmt: skip
