"""Wikipedia, by whichever way fits: the API for a box or a country (wikipedia-api), a dump for the planet (wikipedia-dump).

Licence of the texts: CC BY-SA 4.0, the contributors of Wikipedia. See docs/sources/ for volumes and limits of both ways.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from index.errors import InputError
from index.sources import wikipedia_api, wikipedia_dump


class Options(wikipedia_api.Options):
    dump: Path | None = Field(None, description="a pages-articles-multistream dump instead of the API")
    workers: int | None = Field(None, ge=0, le=64, description="processes that read the dump")


def build(**options: Any) -> wikipedia_api.WikipediaApi | wikipedia_dump.WikipediaDump:
    parsed = Options.parse(options, where="wikipedia")
    if parsed.dump is None:
        if parsed.workers is not None:
            raise InputError("--workers goes with --dump")
        return wikipedia_api.build(**options)
    if parsed.bbox is not None or parsed.country:
        raise InputError("a dump is read whole; give --dump alone, or --bbox or --country without it")
    shared = {name: options[name] for name in ("language", "full", "limit", "workers") if name in options}
    return wikipedia_dump.build(paths=(parsed.dump,), **shared)
