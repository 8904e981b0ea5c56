"""The encoders without torch give torch's vectors, need no weights of their own, and are used with their own model only."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from index.errors import CheckpointError
from index.files import file_sha256
from index.geo import fibonacci_sphere
from index.imagery.sensors import SENSORS
from train.checkpoint import Checkpoint
from train.encode import Encoder
from train.nets import earth
from train.nets.harmonics import real_harmonics
from train.nets.pictures import PictureOptions, Pictures
from train.nets.zonal import zonal
from train.queries.encoders import Shown
from train.queries.export import _compare
from train.queries.light.encoders import LightEncoders
from train.queries.light.exported import FILE, FOLDER, exported_of
from train.queries.trained import TorchEncoders
from train.shipped import shipped_model
from train.weights.tensors import mapped_tensors

TEXTS = [
    "salt flats in the desert", "Ein Gletscher kalbt ins Meer.", "чёрные пески", "北京", "x", "  blanks   and\nlines ",
    "Ibi is a town on the south bank of the Benue River. It has a market. " * 30,
]  # fmt: skip
EDGES = np.array([[90.0, 0], [-90, 33], [0, 180], [0, -180], [89.95, 179.99], [-89.99, -179.99], [0.0, 0.0]]).T


@pytest.fixture(scope="module")
def oracle() -> TorchEncoders:
    return TorchEncoders(Checkpoint.open(shipped_model()), torch.device("cpu"))


@pytest.fixture(scope="module")
def light() -> LightEncoders:
    checkpoint = Checkpoint.open(shipped_model())
    found = LightEncoders.of(checkpoint.path, checkpoint.digest)
    assert found is not None, "the shipped graphs are of another model: run `placebind export-encoder train/shipped`"
    return found


def test_the_shipped_graphs_are_of_the_shipped_model_and_hold_no_weights() -> None:
    folder = shipped_model() / FOLDER
    assert json.loads((folder / FILE).read_text())["model_digest"] == file_sha256(shipped_model() / "model.safetensors")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000


def test_texts_have_the_vectors_of_torch(light: LightEncoders, oracle: TorchEncoders) -> None:
    np.testing.assert_allclose(light.texts(TEXTS, TEXTS), oracle.texts(TEXTS, TEXTS), atol=2e-5)
    assert light.reads == oracle.reads


def test_both_know_how_much_of_a_place_is_its_appearance(light: LightEncoders, oracle: TorchEncoders) -> None:
    assert light.appearance_dim == oracle.appearance_dim == 128


def test_a_text_has_one_vector_alone_and_among_many(light: LightEncoders) -> None:
    many = light.texts(TEXTS * 4, TEXTS * 4)  # by all threads
    np.testing.assert_allclose(many[: len(TEXTS)], np.concatenate([light.texts([text], [text]) for text in TEXTS]), atol=2e-5)


def test_places_have_the_vectors_of_torch_at_poles_and_antimeridian_too(light: LightEncoders, oracle: TorchEncoders) -> None:
    lat, lon = (np.append(even, edge) for even, edge in zip(fibonacci_sphere(200), EDGES, strict=True))
    np.testing.assert_allclose(light.places(lat, lon), oracle.places(lat, lon), atol=1e-4)
    assert light.places(10.0, 20.0).shape == (1, 256)


def test_tiles_of_all_sensors_have_the_vectors_of_torch_with_few_bands_too(light: LightEncoders, oracle: TorchEncoders) -> None:
    rng, tiles = np.random.default_rng(0), []
    for name in light.exported.tiles or {}:
        sensor = SENSORS[name]
        for bands, date in ((sensor.bands, "2021-07-01"), (sensor.rgb, "")):
            pixels = rng.integers(1, 200, (len(bands), 40, 33)).astype(np.uint16)
            tiles.append(Shown(pixels, bands, name, "L2A" if date else "", date))
    np.testing.assert_allclose(light.tiles(tiles[::-1])[::-1], oracle.tiles(tiles), atol=1e-4)


def test_numpy_reads_of_the_earth_what_torch_reads() -> None:
    lat, lon = (np.append(even, edge) for even, edge in zip(fibonacci_sphere(500), EDGES, strict=True))
    places = torch.from_numpy(lat), torch.from_numpy(lon)
    np.testing.assert_allclose(earth.harmonics(lat, lon, 20), real_harmonics(*places, 20).numpy(), atol=1e-12)
    np.testing.assert_allclose(earth.zonal(lat), zonal(places[0]).numpy(), atol=1e-12)
    pictures = Pictures(PictureOptions(width_px=192))
    pictures.pixels.copy_(
        torch.from_numpy(np.random.default_rng(0).integers(0, 256, tuple(pictures.pixels.shape)).astype(np.uint8))
    )
    seen = earth.Pyramid(pictures.pixels.numpy()).look(lat, lon)
    np.testing.assert_allclose(seen, pictures.look(*places).numpy(), atol=2e-4)


def test_graphs_of_another_model_are_not_used(tmp_path: Path) -> None:
    shutil.copytree(shipped_model() / FOLDER, tmp_path / FOLDER)
    assert exported_of(tmp_path, "0" * 64) is None
    assert exported_of(tmp_path, Checkpoint.open(shipped_model()).digest) is not None
    (tmp_path / FOLDER / FILE).write_text("{}")
    assert exported_of(tmp_path, Checkpoint.open(shipped_model()).digest) is None


def test_a_graph_that_gives_other_vectors_than_torch_is_refused(tmp_path: Path) -> None:
    """The same graph with weights of another seed."""
    from safetensors.numpy import save_file

    checkpoint = Checkpoint.open(shipped_model())
    found = exported_of(shipped_model(), checkpoint.digest)
    assert found is not None
    other = dict(mapped_tensors(checkpoint.path))
    other["encoders.articles.skip.weight"] = -other["encoders.articles.skip.weight"]
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in other.items()}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"the graph of articles gives other vectors than torch \(a cosine of"):
        _compare(checkpoint, LightEncoders(tmp_path / "model.safetensors", *found))


def test_the_encoder_alone_gives_vectors_of_texts_and_places_that_compare() -> None:
    encoder = Encoder.open()
    texts, places = encoder.texts(["Reykjavik, Iceland", "Cairo, Egypt"]), encoder.places([64.1, 30.0], [-21.9, 31.2])
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert (texts @ places.T).argmax(axis=1).tolist() == [0, 1]
    assert texts.shape[1] == encoder.dim
    module = encoder.module("locations")
    with torch.no_grad():
        vector = torch.nn.functional.normalize(module(torch.tensor([64.1]), torch.tensor([-21.9])), dim=-1)
    np.testing.assert_allclose(vector[0].numpy(), places[0], atol=1e-3)


def test_a_model_without_graphs_is_refused_with_the_remedy(tmp_path: Path) -> None:
    shutil.copy(shipped_model() / "model.safetensors", tmp_path)
    # The user's cache may hold graphs of this very model; with one more byte of header it is another.
    checkpoint = Checkpoint.open(tmp_path).with_confidence(Checkpoint.open(tmp_path).card.confidence)  # type: ignore[arg-type]
    if checkpoint.digest != Checkpoint.open(shipped_model()).digest:
        with pytest.raises(CheckpointError, match="placebind export-encoder"):
            Encoder.open(tmp_path)
