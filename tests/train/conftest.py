"""What the tests of train/ share: the MiniLM tower, and one world whose texts are encoded once and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from index.store.catalogue import Catalogue
from tests.train.small_worlds import fill, region_articles, region_tiles
from train.encoders.text import minilm as minilm_module
from train.text.articles import cached_features
from train.weights.torchvision_cpu import tolerate_missing_operators

tolerate_missing_operators()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny networks gain nothing from threads, and on a busy machine every operation would wait for the slowest of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def minilm() -> minilm_module.MiniLM:
    return minilm_module.build(hidden=32, dim=16).eval()


@pytest.fixture(scope="session")
def encoded_regions(tmp_path_factory: pytest.TempPathFactory, minilm: minilm_module.MiniLM) -> Path:
    """A catalogue of the four regions with the features of their texts. Read only: take ``regions`` to train on."""
    folder = tmp_path_factory.mktemp("regions") / "catalogue"
    catalogue = fill(folder, region_articles(), region_tiles())
    cached_features(catalogue, minilm, catalogue.column("articles", [])["id"].to_pylist())
    return folder


@pytest.fixture
def copy_regions(encoded_regions: Path, tmp_path: Path) -> Callable[[str], Catalogue]:
    def copy(name: str) -> Catalogue:
        shutil.copytree(encoded_regions, tmp_path / name)
        return Catalogue.open(tmp_path / name)

    return copy


@pytest.fixture
def regions(copy_regions: Callable[[str], Catalogue]) -> Catalogue:
    return copy_regions("regions")
