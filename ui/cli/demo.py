"""The embedded default: a small real world that any machine can build, and three questions about it.

It uses the model that comes with PlaceBind, so nothing is trained. The places come first: texts are answered while
articles and tiles are still on their way. Every step is skipped if an earlier start finished it, and resumed where it was stopped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from index.places.world_names import prepare_names
from index.progress import Progress
from index.records import MODALITIES, Place
from index.registry import load
from index.search.current import manifests_at_hand
from index.sources.blue_marble import example_tile
from index.sources.gazetteer import famous_places
from index.sources.geotiff_tiles import write_tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval import Space
from retrieval.building.build import build_index
from train.checkpoint import Checkpoint
from train.shipped import CARD_FILE, checkpoint_for, is_shipped
from ui.cli.tables import print_answer
from ui.console import ProgressBars, out, plain, remark

Options = Mapping[str, Mapping[str, Any]]
PLACES: Options = {"grid": {"points": 250_000}}
RECORDS: Options = {"gazetteer": {}, "blue_marble": {}}
EXAMPLE_TILE = "example-nile-delta.tif"
EXAMPLE_PLACE = Place(lat=30.9, lon=31.1)
QUESTION = "salt flat in the Andes"

# Settings of `placebind train --demo`: under three minutes on two cores. The tiles are cut from 32 pixels, so the network need see
# no more.
TRAINING = ("steps=300", "article_batch=768", "tile_batch=256", "sentence_share=0.5", "image.options.size_px=32")


def run_demo(folder: Path, places: Options = PLACES, records: Options = RECORDS) -> None:
    """Build what is missing in ``folder`` and answer one query of each kind in the terminal."""
    catalogue = Catalogue.open(folder, create=True)
    model = Checkpoint.open(checkpoint_for(folder))
    if not _is_ready(folder, catalogue, model):
        _build(folder, catalogue, model, places, records)
    elif not is_shipped(model.path.parent):
        remark(
            f"the model in {model.path.parent} was trained on this machine and is used; to use PlaceBind's own instead, move "
            f"the folder {folder} away, or build another world with --catalogue"
        )
    space = Space.open(model.path.parent, folder)
    _say_what_is_real(space)
    print_answer(space.search(QUESTION, k=3))
    print_answer(space.search(image=folder / EXAMPLE_TILE, kinds=("articles",), k=3))
    print_answer(space.search(place=Place(lat=48.2, lon=16.4), kinds=("tiles",), k=3))
    out.print(f'\nAsk your own: [bold]placebind search "coral island in the Pacific" --catalogue {folder}[/]')


def fill_demo(folder: Path) -> None:
    """The records that a demo model is trained on, if they are not there yet."""
    with ProgressBars() as bars:
        _fill(Catalogue.open(folder, create=True), RECORDS, bars)


def how_to_use(catalogue: Path, checkpoint: Path) -> str:
    """What to do with a model that was trained on the demo world when the index is another model's."""
    return (
        f"to use it: placebind index build --rebuild --catalogue {catalogue} --checkpoint {checkpoint}, then give search, heat and "
        "ui the same --checkpoint; the same build without --checkpoint returns to the previous model"
    )


def _fill(catalogue: Catalogue, sources: Options, progress: Progress) -> None:
    """Ingest the records of these sources that the catalogue does not have yet."""
    for name, options in sources.items():
        source = load("index.sources", name).build(**options)
        if catalogue.count(source.modality) < source.total:
            progress.start(f"ingest {name}", source.total)
            ingest(catalogue, source, progress.advance)


def _is_ready(folder: Path, catalogue: Catalogue, model: Checkpoint) -> bool:
    """Whether an earlier start finished: every table is indexed by this model."""
    indexed = manifests_at_hand(catalogue)
    return (folder / EXAMPLE_TILE).is_file() and len(indexed) == len(MODALITIES) and not _is_stale(catalogue, model)


def _is_stale(catalogue: Catalogue, model: Checkpoint) -> bool:
    """Whether an index is of another model, or of records that it read otherwise."""
    space = Space(model, catalogue)
    return any(
        (manifest.model_digest, manifest.preprocessing) != (model.digest_of(modality), space.preprocessing(modality))
        for modality, manifest in manifests_at_hand(catalogue).items()
    )


def _build(folder: Path, catalogue: Catalogue, model: Checkpoint, places: Options, records: Options) -> None:
    stale = _is_stale(catalogue, model)
    if stale:
        remark(f"the index in {folder} is not of the model in {model.path.parent} as it reads today; it is rebuilt")
    out.print(f"Building the demo world in {plain(str(folder))}: about a minute, once.", soft_wrap=True)
    prepare_names()
    with ProgressBars() as bars:
        _fill(catalogue, places, bars)
        build_index(model, catalogue, rebuild=stale, progress=bars)
    print_answer(Space.open(model.path.parent, folder).search(QUESTION, kinds=("locations",), k=3))
    out.print("Texts are answered with places from now on. Articles and satellite tiles follow.")
    with ProgressBars() as bars:
        _fill(catalogue, records, bars)
        write_tile(example_tile(EXAMPLE_PLACE), folder / EXAMPLE_TILE)
        build_index(model, catalogue, progress=bars)


def _say_what_is_real(space: Space) -> None:
    count = {modality: f"{manifest.rows:,}" for modality, manifest in space.manifests.items()}
    out.print(
        f"[bold]What is in here.[/] Real: {count['tiles']} coarse tiles cut from NASA Blue Marble and NOAA ETOPO1 (7.4 km a pixel, "
        "not Sentinel-2); the facts in the articles (GeoNames, airportsdata, Köppen classes); "
        f"{count['locations']} points on land. Written by PlaceBind: the sentences of the {count['articles']} articles, among them "
        f"{len(famous_places())} descriptions of well-known places; none is from Wikipedia. {plain(_about(space.checkpoint))}\n"
    )


def _about(model: Checkpoint) -> str:
    """Where the model is from and what it was trained on."""
    learnt = " and ".join(f"{count:,} {modality}" for modality, count in model.card.trained_on.items())
    if not is_shipped(model.path.parent):
        return f"The model was trained on {learnt}, on this machine: expect the right region, not the valley."
    sources = ", ".join(dict.fromkeys(origin.source for origin in model.card.origins if origin.source))
    return (
        f"The model comes with PlaceBind; it has learnt from {learnt} ({sources}), and nothing was trained on this machine. "
        f"What it can do and what it cannot: {model.path.parent / CARD_FILE}"
    )
