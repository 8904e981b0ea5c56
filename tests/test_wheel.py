"""The wheel as a user installs it: into an empty environment, by pip, with nothing of this repository beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.homes import environment_of

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_in_an_empty_environment_builds_the_demo_world_and_answers(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ROOT]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv" / "bin"
    wanted = f"{wheel}[cpu,demo]"
    subprocess.run([binaries / "pip", "install", "-qq", "-c", ROOT / "constraints.txt", wanted], check=True)
    variables = {name: value for name, value in (os.environ | environment_of(tmp_path)).items() if name != "PYTHONPATH"}

    def placebind(*arguments: str) -> str:
        done = subprocess.run(
            [binaries / "placebind", *arguments], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = placebind("demo")
    assert "Texts are answered with places from now on" in said
    assert (tmp_path / ".placebind" / "demo" / "locations.lance").is_dir(), "in the user's home, as `placebind search` expects it"
    assert "Salar de Atacama" in placebind("search", "salt flat in the Andes", "--in", "articles", "-k", "3")
