"""Features of places: by hand, against the encoders they come from, and not run where there are no weights."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from index.errors import CheckpointError
from index.registry import Component, load, names
from tests.conftest import fill
from tests.train.encoders.test_satclip import checkpoint as satclip_checkpoint
from tests.train.encoders.test_satclip import published as published_satclip
from train.checkpoint import Card, Checkpoint, build_encoder, save_model
from train.config import TrainConfig
from train.encoders.location import geoclip_rff
from train.nets.harmonics import real_harmonics
from train.probing.features import concat, geoclip, inputs, lonlat, placebind, satclip, sh, taxabind, xyz
from train.probing.features import range as range_features
from train.probing.features._features import REGISTRY, FeaturesUnavailableError

LAT, LON = np.array([0.0, 48.0, -90.0, 10.0]), np.array([0.0, 180.0, 0.0, -75.0])


@dataclass
class Given:
    """Features by a table: the latitude says which row."""

    table: np.ndarray
    name: str = "given"
    digest: str = "given"
    probe: str = ""

    def encode(self, lat, lon):
        return self.table[np.asarray(lat, dtype=int)].astype(np.float32)


def test_all_that_an_evaluation_is_to_know_is_there():
    floors, ours = {"lonlat", "sh", "xyz", "idw", "inputs"}, {"placebind", "concat", "range", "table", "kinds"}
    peers = {"geoclip", "satclip", "tte", "csp", "taxabind", "torchspatial", "sinr", "climplicit", "mind", "sled"}
    assert set(names(REGISTRY)) == floors | ours | peers


def test_the_floors_are_what_they_are_called():
    np.testing.assert_allclose(lonlat.build().encode(LAT, LON)[1], [180, 48])
    np.testing.assert_allclose(xyz.build().encode(LAT, LON)[2], [0, 0, -1], atol=1e-7)
    found = sh.build(degrees=3).encode(LAT, LON)
    np.testing.assert_allclose(found, real_harmonics(torch.tensor(LAT), torch.tensor(LON), 3), atol=1e-6)
    assert (sh.build(degrees=10).name, sh.build(degrees=40).encode(LAT, LON).shape) == ("sh10", (4, 1600))


def test_more_points_than_go_through_at_a_time_are_all_encoded_in_their_order():
    lat = np.linspace(-80, 80, 9000)
    found = sh.build(degrees=2).encode(lat, np.zeros(9000))
    assert found.shape == (9000, 4)
    assert (np.diff(found[:, 2]) > 0).all(), "Y_10 grows with the latitude"


def test_a_model_is_probed_at_its_output_and_at_its_hidden_layer(world):
    output, hidden = (placebind.build(checkpoint=world.checkpoint, layer=layer) for layer in ("output", "hidden"))
    encoder = Checkpoint.open(world.checkpoint).encoder("locations", torch.device("cpu"))
    lat, lon = torch.tensor(LAT), torch.tensor(LON)
    with torch.inference_mode():
        np.testing.assert_allclose(output.encode(LAT, LON), torch.nn.functional.normalize(encoder(lat, lon)), atol=1e-6)
        np.testing.assert_allclose(hidden.encode(LAT, LON), encoder.hidden(lat, lon), atol=1e-6)
    assert output.digest != hidden.digest
    assert output.name == f"{Checkpoint.open(world.checkpoint).digest[:8]} output"
    assert placebind.build(checkpoint=world.checkpoint, label="mine").name == "mine output"


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    """A model whose location encoder looks at a picture; its pixels and weights are noise."""
    folder = tmp_path_factory.mktemp("seeing")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 128), dtype=np.uint8)).save(folder / "globe.png")
    options = {
        "pictures": ({"file": "globe.png", "mode": "L"},),
        "folder": str(folder),
        "width_px": 64,
        "degrees": 10,
        "hidden": 16,
    }
    config = TrainConfig(location=Component(name="mosaic", options=options)).resolved()
    encoder = build_encoder(config, "locations")
    encoder.load_pretrained()
    weights = {f"encoders.locations.{name}": value for name, value in encoder.state_dict().items()}
    save_model(folder, weights, Card(config=config, trained_on={"articles": 2}, placebind_version="0"))
    (folder / "globe.png").unlink()  # what a model has seen is in its weights
    return folder


def test_a_twin_has_the_pictures_of_the_model_and_nothing_that_it_has_learnt(seeing):
    model = placebind.build(checkpoint=seeing, layer="hidden")
    first, second, third = model.twins()
    assert len({model.digest, first.digest, second.digest, third.digest}) == 4
    assert {first.name, second.name, third.name} == {f"{model.name}, untrained"}
    assert model.compared == {"learning adds": (first.digest, second.digest, third.digest)}
    assert first.compared == {}
    trained = Checkpoint.open(seeing).encoder("locations", torch.device("cpu"))
    twin = placebind.untrained(Checkpoint.open(seeing), trained, 0)
    assert torch.equal(twin.pixels, trained.pixels)
    assert all(
        not torch.equal(ours, theirs) for ours, theirs in zip(twin.parameters(), trained.parameters(), strict=True) if ours.ndim > 1
    )
    one, two, again = first.encode(LAT, LON), second.encode(LAT, LON), model.twins()[0].encode(LAT, LON)
    assert np.array_equal(one, again)
    assert not np.allclose(one, two)
    assert one.shape == model.encode(LAT, LON).shape


def test_the_inputs_are_what_the_encoder_looks_at_and_the_latitude(seeing, world):
    trained = Checkpoint.open(seeing).encoder("locations", torch.device("cpu"))
    found = inputs.build(checkpoint=seeing).encode(LAT, LON)
    np.testing.assert_allclose(found[:, :5], trained.look(torch.tensor(LAT), torch.tensor(LON)), atol=1e-6)
    latitude = found[:, 5:]
    np.testing.assert_allclose(latitude[:, 0], np.abs(LAT) / 90, atol=1e-6)
    np.testing.assert_allclose(latitude[:, 1], (LAT / 90) ** 2, atol=1e-6)
    sine = np.sin(np.radians(LAT))
    np.testing.assert_allclose(latitude[:, 3], 1.5 * sine**2 - 0.5, atol=1e-6)
    assert latitude.shape[1] == 11
    np.testing.assert_allclose(
        inputs.build(checkpoint=world.checkpoint).encode(LAT, LON)[:, :3], xyz.build().encode(LAT, LON), atol=1e-6
    )


def test_a_missing_model_is_an_error_not_a_gap(tmp_path):
    with pytest.raises(CheckpointError, match="placebind train"):
        placebind.build(checkpoint=tmp_path)


def geoclip_weights(folder):
    """A file as the package geoclip has it, with weights by chance, and the encoder that they are of."""
    torch.manual_seed(0)
    encoder = geoclip_rff.build(dim=512, as_published=True).eval()
    path = folder / "geoclip" / "model" / "weights" / geoclip.WEIGHTS
    path.parent.mkdir(parents=True)
    torch.save({name: tensor.detach().clone() for name, tensor in encoder._published().items()}, path)
    return path, encoder


def test_geoclip_and_taxabind_are_the_encoder_with_the_weights_of_the_file(tmp_path):
    path, encoder = geoclip_weights(tmp_path)
    with torch.inference_mode():
        expected = encoder(torch.tensor(LAT), torch.tensor(LON)).numpy()
    by_folder, by_file, taxa = geoclip.build(weights=tmp_path), geoclip.build(weights=path), taxabind.build(weights=path)
    for found in (by_folder, by_file, taxa):
        np.testing.assert_allclose(found.encode(LAT, LON), expected, atol=1e-6)
    assert by_folder.digest == by_file.digest != taxa.digest
    assert (by_file.name, taxa.name) == ("geoclip", "taxabind")


def test_a_file_of_another_network_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / geoclip.WEIGHTS)
    with pytest.raises(CheckpointError, match="lacks"):
        geoclip.build(weights=tmp_path).encode(LAT, LON)


@pytest.mark.parametrize("harmonics", ["analytic", "closed-form"])
def test_satclip_takes_its_settings_from_the_checkpoint_and_is_its_published_formula(harmonics, tmp_path):
    content = satclip_checkpoint(harmonics_calculation=harmonics)
    torch.save(content, tmp_path / "satclip-invented.ckpt")
    found = satclip.build(weights=tmp_path / "satclip-invented.ckpt")
    expected = [published_satclip(harmonics, content["state_dict"], *place) for place in zip(LAT, LON, strict=True)]
    np.testing.assert_allclose(found.encode(LAT, LON), np.stack(expected), atol=1e-5)
    assert found.name == "satclip-invented"


@pytest.mark.parametrize(
    ("part", "options", "says"),
    [
        ("table", {"file": "nowhere.csv"}, "table:file=FILE"),
        ("kinds", {}, "kinds:file=FILE"),
        ("geoclip", {"weights": "nowhere"}, "wheel of the PyPI package geoclip"),
        ("satclip", {}, "satclip:weights=FILE"),
        ("taxabind", {"weights": "nowhere.pt"}, "taxabind:weights=FILE"),
        ("tte", {"weights": "nowhere.safetensors"}, "huggingface.co/MVRL/TTE"),
        ("csp", {}, "github.com/gengchenmai/csp"),
        ("torchspatial", {}, "github.com/seai-lab/TorchSpatial"),
        ("sinr", {}, "github.com/elijahcole/sinr"),
        ("climplicit", {"weights": "nowhere.safetensors"}, "huggingface.co/Jobedo/climplicit"),
        ("mind", {}, "huggingface.co/taylor-geospatial/MIND"),
        ("sled", {}, "huggingface.co/geohai/sled-s1-s2-ls"),
    ],
)
def test_what_is_not_here_is_not_run_and_says_where_it_is_to_be_had(part, options, says):
    with pytest.raises(FeaturesUnavailableError, match=says):
        load(REGISTRY, part).build(**options)


def test_two_are_put_side_by_side():
    both = concat.build(first={"name": "xyz"}, second={"name": "sh", "options": {"degrees": 2}})
    parts = [xyz.build().encode(LAT, LON), sh.build(degrees=2).encode(LAT, LON)]
    np.testing.assert_allclose(both.encode(LAT, LON), np.concatenate(parts, axis=1))
    assert both.name == "xyz + sh2"
    assert both.digest != concat.build(first={"name": "xyz"}, second={"name": "sh", "options": {"degrees": 3}}).digest


def test_retrieval_is_the_sum_over_the_memory_one_record_at_a_time():
    rng = np.random.default_rng(0)
    base = Given(rng.normal(size=(10, 4)))
    memory_lat, memory_lon, values = np.array([1.0, 2, 3]), np.array([0.0, 50, 100]), rng.normal(size=(3, 2)).astype(np.float32)
    query_lat, query_lon = np.array([5.0, 6]), np.array([0.0, 170])
    unit = base.table / np.linalg.norm(base.table, axis=1, keepdims=True)

    def softmax_sum(logits):
        weights = np.exp(logits) / np.exp(logits).sum()
        return sum(weight * value for weight, value in zip(weights, values, strict=True))

    for plus in (False, True):
        found = range_features.Range(base, memory_lat, memory_lon, values, plus=plus).encode(query_lat, query_lon)
        for number, (lat, lon) in enumerate(zip(query_lat, query_lon, strict=True)):
            query = unit[int(lat)]
            point = xyz.build().encode(np.array([lat]), np.array([lon]))[0]
            places = xyz.build().encode(memory_lat, memory_lon)
            alike = softmax_sum(np.array([(12 if plus else 15) * query @ unit[row] for row in (1, 2, 3)]))
            near = softmax_sum(np.array([40 * point @ place for place in places]))
            expected = (alike + near) / 2 if plus else alike
            np.testing.assert_allclose(found[number], np.concatenate([expected, query]), rtol=1e-5)


def test_retrieval_reads_the_index_of_the_model(world):
    found = range_features.build(checkpoint=world.checkpoint, catalogue=world.folder, modality="articles", label="mine")
    assert found.values.shape == (48, 32)
    north, south = found.encode(np.array([70.0, 5.0]), np.array([0.0, 0.0]))
    assert north.shape == (64,)
    nearest = found.values @ north[:32]
    assert (found.lat[np.argsort(-nearest)[:5]] == 70).all(), "what is retrieved in the north is written of the north"
    assert found.name == "mine range+ articles"
    without = range_features.build(checkpoint=world.checkpoint, catalogue=world.folder, plus=False)
    assert without.digest != found.digest
    assert south.shape == north.shape


def test_without_an_index_there_is_nothing_to_retrieve(world, tmp_path):
    fill(tmp_path / "fresh")
    with pytest.raises(FeaturesUnavailableError, match="placebind index build"):
        range_features.build(checkpoint=world.checkpoint, catalogue=tmp_path / "fresh")
