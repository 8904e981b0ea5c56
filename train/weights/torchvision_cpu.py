"""Let torchvision be imported next to a CPU-only torch.

torchvision's wheel registers shape functions for CUDA operators that a CPU-only torch does not know, and its import ends with
"operator torchvision::nms does not exist"; timm, open_clip and sentence_transformers then cannot be imported either, though
they use none of those operators. ``tolerate_missing_operators`` must run before the first such import; where torchvision
finds its operators it changes nothing.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_REGISTRATIONS = "torchvision._meta_registrations"


def tolerate_missing_operators() -> None:
    """Install the import hook once; costs nothing until torchvision is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != _REGISTRATIONS:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec and spec.loader:
            spec.loader = _WithoutRegistration(spec.loader)
        return spec


class _WithoutRegistration(Loader):
    def __init__(self, real: Loader) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        import torch
        from torchvision import extension

        register = torch.library.register_fake

        def skip_torchvision(operator: Any, *args: Any, **options: Any) -> Callable[..., Any]:
            if str(operator).startswith("torchvision::") and not extension._has_ops():
                return lambda function: function
            return register(operator, *args, **options)

        torch.library.register_fake = skip_torchvision
        try:
            self.real.exec_module(module)
        finally:
            torch.library.register_fake = register
