"""The import hook for torchvision beside a CPU-only torch, in fresh interpreters, because an import happens once."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(code: str) -> str:
    """Standard output of a fresh interpreter that must end well."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_timm_and_torchvision_can_be_imported_after_the_hook_and_torch_is_as_before() -> None:
    said = run(
        "from train.weights.torchvision_cpu import tolerate_missing_operators\n"
        "tolerate_missing_operators()\n"
        "import torch\n"
        "register = torch.library.register_fake\n"
        "import timm, torchvision, torchvision.transforms.v2\n"
        "assert torch.library.register_fake is register\n"
        "assert torchvision._meta_registrations.__file__.endswith('_meta_registrations.py')\n"
        "box = torch.tensor([[0., 0., 2., 2.], [1., 1., 3., 3.]])\n"
        "print(torchvision.ops.box_iou(box[:1], box[1:]).item())\n"
    )
    assert abs(float(said) - 1 / 7) < 1e-6  # one shared square of 2 x 4 - 1


def test_asking_twice_installs_one_finder_and_imports_nothing() -> None:
    said = run(
        "import sys\n"
        "from train.weights.torchvision_cpu import tolerate_missing_operators\n"
        "before = len(sys.meta_path)\n"
        "tolerate_missing_operators()\n"
        "tolerate_missing_operators()\n"
        "print(len(sys.meta_path) - before, 'torch' in sys.modules, 'torchvision' in sys.modules)\n"
    )
    assert said.split() == ["1", "False", "False"]


def test_without_the_hook_nothing_is_installed_by_importing_the_package() -> None:
    said = run(
        "import sys\n"
        "before = list(sys.meta_path)\n"
        "import train, train.weights.torchvision_cpu\n"
        "print(sys.meta_path == before, 'torchvision' in sys.modules)\n"
    )
    assert said.split() == ["True", "False"]


def test_other_modules_are_found_as_if_the_hook_were_not_there() -> None:
    from train.weights.torchvision_cpu import tolerate_missing_operators

    tolerate_missing_operators()
    finder = next(finder for finder in sys.meta_path if type(finder).__module__ == "train.weights.torchvision_cpu")
    assert finder.find_spec("torchvision", None) is None
    assert finder.find_spec("json", None) is None
