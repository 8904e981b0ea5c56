"""``placebind demo``: builds a small real world and asks it questions."""

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag


def demo(catalogue: CatalogueFlag = DEFAULT_CATALOGUE) -> None:
    """Build a small real world (once), index it with the shipped model, and ask it three questions. Needs no network."""
    from ui.cli.demo import run_demo

    run_demo(catalogue)
