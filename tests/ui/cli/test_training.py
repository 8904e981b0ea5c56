"""``placebind train``: one model or a matrix of them, what is said about it, and what is refused before anything is trained."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.errors import ConfigError, InputError
from index.store.catalogue import Catalogue
from tests.train.small_worlds import fill, region_articles, region_tiles
from train.checkpoint import CARD_FILE, MODEL_FILE, Checkpoint
from train.compare import TABLE_FILE, Variant
from train.config import TrainConfig
from train.curve.history import HISTORY_FILE
from train.loop import train as train_model
from ui.cli.training import configurations
from ui.console import ProgressBars

SETTINGS = (
    "dim=8",
    "article_batch=8",
    "tile_batch=4",
    "device=cpu",
    "location.options={degrees=4, hidden=16}",
    "location.name=sh_siren",
    "text.options.hidden=16",
    "image.options={trunk='test_convnext', size_px=32}",
)
SMALL = [flag for each in SETTINGS for flag in ("--set", each)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four regions of the tests of train/, with validation records of both modalities. Train with an --out of your own."""
    folder = tmp_path_factory.mktemp("ui") / "world"
    fill(folder, region_articles(), region_tiles())
    return folder


@pytest.fixture
def train(run, folder):
    """``placebind train`` on the regions with the smallest networks."""
    return lambda *arguments: run("train", "-c", folder, *SMALL, *arguments)


def asked(*settings: str, file: Path | None = None, **lists) -> dict:
    given = {"architectures": (), "locations": (), "modalities": (), "seeds": (), **lists}
    return configurations(file, settings, **given)


def one_line_error(result: tuple[int, str, str], *words: str) -> None:
    code, out, err = result
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    for word in words:
        assert word in line, line


def test_one_training_leaves_a_model_its_curve_and_its_card_and_says_how_well_it_does(train, tmp_path):
    code, out, err = train("--steps", 2, "--out", tmp_path / "run")
    assert code == 0, err
    digest = Checkpoint.open(tmp_path / "run").digest
    assert f"model {digest[:8]}" in out
    assert "20 articles, 16 tiles" in out
    for name in ("text", "tile"):
        assert f"held-out {name} to place: median " in out
    assert {path.name for path in (tmp_path / "run").iterdir()} == {MODEL_FILE, HISTORY_FILE, CARD_FILE}
    assert "train (2 in all)" in err


def test_json_of_one_training_is_its_card(train, tmp_path):
    code, out, err = train("--steps", 1, "--modalities", "articles", "--out", tmp_path / "run", "--json")
    assert code == 0, err
    said, checkpoint = json.loads(out), Checkpoint.open(tmp_path / "run")
    assert (said["checkpoint"], said["digest"]) == (str(tmp_path / "run"), checkpoint.digest)
    assert said["trained_on"] == {"articles": 20}
    assert said["figures"] == checkpoint.card.figures
    assert said["config"]["steps"] == 1
    assert said["origins"][0]["records"] == 20


def test_a_matrix_prints_one_table_with_mean_and_deviation_over_the_seeds(train, tmp_path):
    flags = ["--architecture", "imagebind", "--architecture", "cyclic", "--seed", 0, "--seed", 1, "--steps", 1]
    code, out, err = train(*flags, "--modalities", "articles", "--compare", "--out", tmp_path / "all")
    assert code == 0, err
    head, *rows = out.splitlines()
    assert all(word in head for word in ("architecture", "location", "text to place, km", "recall@10"))
    assert [row.split()[:3] for row in rows] == [["imagebind", "sh_siren", "articles"], ["cyclic", "sh_siren", "articles"]]
    with (tmp_path / "all" / TABLE_FILE).open(newline="") as stream:
        km = [float(row["val_articles_median_km"]) for row in csv.DictReader(stream)]
    for row, (a, b) in zip(rows, (km[:2], km[2:]), strict=True):
        assert f"{(a + b) / 2:,.0f} ± {abs(a - b) / 2**0.5:,.0f}" in row
    assert "4 trainings" in err
    assert "cyclic-sh_siren-articles-seed1" in err


def test_json_of_a_matrix_has_the_figures_of_each_seed(train, tmp_path):
    flags = ["--location", "sh_siren", "--seed", 5, "--steps", 1, "--modalities", "tiles", "--modalities", "tiles, articles"]
    code, out, err = train(*flags, "--compare", "--json", "--out", tmp_path / "all")
    assert code == 0, err
    first, second = json.loads(out)
    assert (first["modalities"], second["modalities"]) == (["tiles"], ["articles", "tiles"])
    assert list(first["seeds"]) == ["5"]
    assert "val_tiles_median_km" in first["seeds"]["5"]
    assert not any("articles" in name for name in first["seeds"]["5"])


def test_without_any_held_out_record_the_table_shows_the_loss(run, tmp_path):
    fill(tmp_path / "world", [each for each in region_articles() if each.split != "val"])
    code, out, err = run("train", "-c", tmp_path / "world", *SMALL, "--steps", 1, "--compare")
    assert code == 0, err
    head, row = out.splitlines()
    assert head.split() == ["architecture", "location", "modalities", "total"]
    assert "±" not in row  # one seed has no deviation
    assert (tmp_path / "world" / "compare" / TABLE_FILE).exists()


@pytest.mark.parametrize(
    "several",
    [
        ["--architecture", "imagebind", "--architecture", "fused"],
        ["--location", "sh_siren", "--location", "xyz_rff"],
        ["--modalities", "articles", "--modalities", "tiles"],
        ["--seed", "0", "--seed", "1"],
    ],
    ids=lambda flags: flags[0],
)
def test_several_values_without_compare_are_refused_with_the_remedy(several, run, folder, tmp_path):
    one_line_error(run("train", "-c", folder, *several, "--out", tmp_path / "run"), "--compare")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--architecture", "imagebind", "--architecture", "unheard_of", "--compare"], ["unheard_of", "imagebind"]),
        (["--modalities", "articles,pictures"], ["articles,tiles", "pictures"]),
        (["--modalities", ""], ["articles,tiles"]),
        (["--set", "text.options.dim=99"], ["text.options.dim", "dim=99"]),
        (["--compare", "--overwrite"], ["--overwrite"]),
        (["--set", "patience=3", "--modalities", "tiles", "--devices", "2", "--set", "encode_chunk=2"], ["encode_chunk"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_trained(arguments, words, train, tmp_path):
    one_line_error(train(*arguments, "--out", tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()


def test_an_interrupted_matrix_is_not_begun_where_a_model_of_other_settings_stands(train, tmp_path):
    flags = ["--modalities", "articles", "--compare", "--out", tmp_path / "all"]
    assert train(*flags, "--steps", 1)[0] == 0
    one_line_error(train(*flags, "--steps", 2), "imagebind-sh_siren-articles-seed0", "other settings", "--out")


def test_options_belong_to_the_part_that_the_flag_names():
    """No default part stands between: sites are the voronoi encoder's, and sh_siren has none."""
    ((config,),) = asked("location.options.sites=64", locations=["voronoi"]).values()
    assert (config.location.name, config.location.options["sites"]) == ("voronoi", 64)
    ((config,),) = asked("architecture.options.swap_every=7", architectures=["cyclic"]).values()
    assert config.architecture.options["swap_every"] == 7


def test_in_a_matrix_options_go_to_the_part_that_they_were_given_for(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('seed = 4\n[location]\nname = "sh_siren"\noptions = {degrees = 9}\n')
    made = asked(file=file, locations=["voronoi", "sh_siren"])
    first, second = ((variant, config) for variant, (config,) in made.items())
    assert first[0] == Variant("imagebind", "voronoi", ())
    assert "degrees" not in first[1].location.options
    assert second[1].location.options["degrees"] == 9
    assert first[1].seed == second[1].seed == 4


def test_what_is_not_given_is_as_in_the_file(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('seed = 4\nmodalities = ["tiles"]\nsteps = 7\n[architecture]\nname = "fused"\n')
    made = asked(file=file)
    assert list(made) == [Variant("fused", "sh_siren", ("tiles",))]
    ((config,),) = made.values()
    assert (config.seed, config.steps, config.modalities) == (4, 7, ("tiles",))
    assert [config.seed for config in asked(file=file, seeds=[0, 2])[Variant("fused", "sh_siren", ("tiles",))]] == [0, 2]


def test_what_is_named_twice_is_trained_once():
    """A seed counted twice would make the deviation too small."""
    made = asked(architectures=["fused", "fused"], modalities=["articles,tiles", "tiles,articles"], seeds=[1, 1, 2])
    assert list(made) == [Variant("fused", "sh_siren", ("articles", "tiles"))]
    ((first, second),) = made.values()
    assert (first.seed, second.seed) == (1, 2)


def test_all_cells_are_checked_before_the_first_is_trained():
    with pytest.raises(ConfigError, match="degrees"):
        asked("location.options.degrees=9", locations=["sh_siren", "voronoi"])
    with pytest.raises(InputError, match="pictures"):
        asked(modalities=["articles", "pictures"])


def test_a_bar_shows_the_newest_of_each_figure():
    """Validation comes seldom; between two of them the last one stays in sight."""
    bars = ProgressBars()
    bars.start("train", 3)
    bars.advance(1, step=0, total=2.34567, articles=1.0, val_articles_median_km=1234.5, val_articles_recall_at_10=0.25)
    bars.advance(1, step=1, total=1.5, val_tiles_median_km=88.0)
    shown = bars._bars.tasks[-1].fields["figures"]
    assert shown == "loss 1.500  text 1,234 km  recall 0.25  tile 88 km"
    bars.start("index", None)
    bars.advance(1)
    assert bars._bars.tasks[-1].fields["figures"] == ""


def test_of_two_processes_one_speaks_for_both_and_both_train_the_whole_matrix(folder, tmp_path):
    """Each cell starts a group of processes anew, and the table is written once."""
    flags = ["--devices", "2", "--seed", "0", "--seed", "1", "--steps", "2", "--modalities", "articles", "--compare", "--json"]
    command = [sys.executable, "-m", "ui", "train", "-c", str(folder), *SMALL, *flags, "--out", str(tmp_path / "all")]
    environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    done = subprocess.run(command, capture_output=True, text=True, env={**environment, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout)
    assert set(outcome["seeds"]) == {"0", "1"}
    assert done.stderr.count("2 trainings into") == 1
    assert done.stderr.count("train (2 in all)") == 2
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.partial*"))
    with (tmp_path / "all" / TABLE_FILE).open(newline="") as stream:
        assert [row["seed"] for row in csv.DictReader(stream)] == ["0", "1"]


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory) -> Path:
    """A finished model of texts and tiles."""
    out = tmp_path_factory.mktemp("finished") / "model"
    train_model(TrainConfig.load(settings=SETTINGS, steps=2), Catalogue.open(folder), out)
    return out


SMALL_TOWER = ("--set", "image.options={width=8, hidden=16}", "--set", "tile_batch=4", "--set", "device=cpu", "--steps", 2)


@pytest.mark.parametrize("named", [True, False], ids=["a folder", "shipped"])
def test_tiles_learn_on_the_positions_of_a_finished_model(named, run, folder, finished, tmp_path, monkeypatch):
    monkeypatch.setattr("train.shipped.FOLDER", finished)
    start = finished if named else "shipped"
    code, out, err = run("train", "-c", folder, "--from", start, "--only", "tiles", *SMALL_TOWER, "--out", tmp_path / "run")
    assert code == 0, err
    before, after = Checkpoint.open(finished), Checkpoint.open(tmp_path / "run")
    assert f"model {after.digest[:8]}" in out
    assert "20 articles, 16 tiles" in out
    assert "held-out tile to place" in out
    assert "held-out text" not in out, "that is the first model's figure"
    assert f"placebind index build --catalogue {folder} --checkpoint {tmp_path / 'run'}" in err
    assert (after.card.config.modalities, after.card.config.image.name) == (("tiles",), "spectral")
    assert after.digest_of("locations") == after.digest_of("articles") == before.digest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "MODEL"], ["--from needs --only tiles or --only articles"]),
        (["--from", "MODEL", "--only", "locations"], ["--only tiles", "got 'locations'"]),
        (["--only", "tiles"], ["--only needs --from", "--modalities"]),
        (["--from", "MODEL", "--only", "tiles", "--modalities", "tiles"], ["leave out --modalities"]),
        (["--from", "MODEL", "--only", "tiles", "--demo"], ["without --demo"]),
        (["--from", "MODEL", "--only", "tiles", "--set", "dim=16"], ["dim is 16", "8 dimensions"]),
        (["--from", "MODEL", "--only", "tiles", "--architecture", "fused"], ["cyclic", "leave out --architecture"]),
        (["--from", "MODEL", "--only", "tiles", "--location", "voronoi"], ["encoder of locations is kept"]),
        (["--from", "nowhere", "--only", "tiles"], ["no finished checkpoint in nowhere"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_start_that_cannot_be_is_refused_in_one_line(arguments, words, run, folder, finished, tmp_path):
    given = [finished if each == "MODEL" else each for each in arguments]
    one_line_error(run("train", "-c", folder, *given, "--out", tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()
