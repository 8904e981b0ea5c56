"""``placebind mcp``: the space for an assistant, by the Model Context Protocol over standard input and output."""

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag


def mcp(catalogue: CatalogueFlag = DEFAULT_CATALOGUE, checkpoint: CheckpointFlag = None) -> None:
    """Let an assistant search, locate, draw heat maps and teach classes, read-only, by the Model Context Protocol."""
    from retrieval import Space
    from ui.mcp_server import server_of

    server_of(Space.open(checkpoint, catalogue)).run()
