"""How much of a pretrained network is trained: nothing but our head, its last blocks, low-rank adapters, or all of it.

frozen   nothing; the network is not part of the checkpoint, its features are computed once and cached
head     nothing, but the network is part of the checkpoint and sees every augmented image
partial  the last blocks and what follows them
lora     low-rank adapters on every linear layer (Hu et al. 2021, arXiv:2106.09685); the network itself is fixed
full     everything

In all modes but ``frozen`` the network's weights are in ``state_dict``, so a finished checkpoint needs no other file.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from index.errors import ConfigError
from index.settings import Settings
from train.weights.pretrained import names_a_file

Tune = Literal["frozen", "head", "partial", "lora", "full"]
Groups = list[list[nn.Parameter]]
_ADAPTED = re.compile(r"parametrizations\.(\w+)\.original$")
_ADAPTER = re.compile(r"parametrizations\.\w+\.\d+\.")


class TuneOptions(Settings):
    """Options of any tower with a pretrained network."""

    weights: str | None = Field(None, description="pretrained weights: a file (.safetensors, .pth, .pt, .bin) or a published name")
    tune: Tune = Field("full", description="how much of the pretrained network is trained: frozen, head, partial, lora or full")
    partial_blocks: int = Field(2, ge=1, description="how many of the last blocks are trained; with tune = partial")
    lora_rank: int = Field(8, ge=1, description="rank of the adapters; with tune = lora")
    lora_alpha: float = Field(16.0, gt=0, description="the adapters' product is scaled by alpha / rank; with tune = lora")

    @field_validator("weights")
    @classmethod
    def _absolute(cls, weights: str | None) -> str | None:
        """A checkpoint may be opened from another folder than the one it was trained in."""
        return str(Path(weights).expanduser().absolute()) if weights and names_a_file(weights) else weights

    @model_validator(mode="after")
    def _something_to_tune(self) -> Self:
        if self.tune != "full" and self.weights is None:
            raise ValueError(f"tune = {self.tune} keeps weights as they are, so it needs `weights`; random ones take tune = full")
        return self


def apply_tuning(network: nn.Module, options: TuneOptions, groups_of: Callable[[nn.Module], Groups]) -> None:
    """Set ``requires_grad`` in a network, and put adapters into it, as ``options.tune`` says.

    ``groups_of`` lists its parameters by block (see ``parameter_groups``). Raises ``ConfigError`` where the network has nothing
    of the kind to train.
    """
    if options.tune == "full":
        return
    network.requires_grad_(False)
    if options.tune == "partial":
        groups = groups_of(network)
        if options.partial_blocks >= len(groups):
            raise ConfigError(f"partial_blocks = {options.partial_blocks}, but the network has {len(groups) - 1}; use tune = full")
        for group in groups[-options.partial_blocks :]:
            for parameter in group:
                parameter.requires_grad_(True)
    if options.tune == "lora":
        add_adapters(network, options.lora_rank, options.lora_alpha)


def parameter_groups(network: nn.Module, matcher: Mapping[str, Any]) -> Groups:
    """A network's parameters by block, from first to last. ``matcher`` is what timm's networks give as ``group_matcher()``.

    Those of the stem, if there is one, come first; those after the blocks (norms, projections) belong to the last block.
    """
    from timm.models import group_parameters

    blocks = matcher["blocks"]
    listed = [(blocks, None)] if isinstance(blocks, str) else list(blocks)
    rest = (r"", (99999,))  # timm's mark for parameters of the preceding group; without it an unmatched norm would be a "block"
    found: dict[int, list[nn.Parameter]] = group_parameters(
        network, {"stem": matcher["stem"], "blocks": [*listed, rest]}, return_values=True
    )
    return [found[number] for number in sorted(found)]


def timm_groups(network: Any) -> Groups:
    """The same for any timm network."""
    return parameter_groups(network, network.group_matcher())


def keep_fixed_parts_in_eval(network: nn.Module) -> None:
    """Put every part without trainable weights into evaluation mode, and every BatchNorm: no dropout, no batch statistics.

    A trained BatchNorm learns its scale and shift and keeps its original statistics. Batch statistics would depend on the other
    records of a batch: a chunk (``train.objective.gradcache``) and a device's share would give other gradients than the whole
    batch. Call it after ``network.train()``, which sets modes everywhere.
    """
    for module in network.modules():
        parameters = list(module.parameters())
        fixed = parameters and not any(parameter.requires_grad for parameter in parameters)
        if fixed or isinstance(module, _BatchNorm):
            module.eval()


class LowRankUpdate(nn.Module):
    """weight [out, in] -> weight + alpha / rank * up @ down, with down [rank, in] random and up [out, rank] zero at the start.

    A parametrization of the weight rather than a wrapper around its layer: ``nn.MultiheadAttention``, which open_clip uses, reads
    its layers' weights without calling them. Stacked query, key and value weights [3 D, D] share ``down``. After training,
    ``torch.nn.utils.parametrize.remove_parametrizations`` merges it into a plain weight.
    """

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        out_dim, in_dim = weight.shape
        self.down = nn.Parameter(weight.new_empty(rank, in_dim))
        self.up = nn.Parameter(weight.new_zeros(out_dim, rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))  # as the authors' code: the scale of nn.Linear

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.up @ self.down)


def add_adapters(network: nn.Module, rank: int, alpha: float) -> None:
    """Adapters on all linear layers, those inside attention too; nothing else stays trainable. Raises ``ConfigError`` for none."""
    network.requires_grad_(False)
    adapted = [
        (module, "in_proj_weight" if isinstance(module, nn.MultiheadAttention) else "weight")
        for module in network.modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None)
    ]
    if not adapted:
        raise ConfigError("tune = lora adapts linear layers and this network has none; use tune = partial, or a transformer")
    for module, name in adapted:
        parametrize.register_parametrization(module, name, LowRankUpdate(getattr(module, name), rank, alpha))


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """The network's own tensors under their names without adapters; values copied into them take effect."""
    state = network.state_dict()
    return {_ADAPTED.sub(r"\1", name): tensor for name, tensor in state.items() if not _ADAPTER.search(name)}
