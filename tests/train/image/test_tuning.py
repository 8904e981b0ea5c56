"""Tune modes: exactly what they say is trained, adapters start as nothing, a state dict is enough to build the network again."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from index.errors import ConfigError
from train.image.tuning import (
    LowRankUpdate,
    TuneOptions,
    add_adapters,
    apply_tuning,
    keep_fixed_parts_in_eval,
    parameter_groups,
    plain_state,
    timm_groups,
)
from train.weights.torchvision_cpu import tolerate_missing_operators


class AttentionBlock(nn.Module):
    """As open_clip's: ``nn.MultiheadAttention``, which reads its weights without calling its layers, and an MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(x, x, x, need_weights=False)[0]
        return x + self.mlp(self.norm(x))


def timm_network(name: str) -> nn.Module:
    tolerate_missing_operators()
    import timm

    torch.manual_seed(0)
    network: nn.Module = timm.create_model(name, num_classes=0)
    return network.eval()


def options(tune: str, **more: object) -> TuneOptions:
    return TuneOptions.parse({"tune": tune, "weights": "a.pth", **more}, where="test")


def trained(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def wake_adapters(network: nn.Module) -> None:
    """Give the adapters' zero halves some values, as training would."""
    for module in network.modules():
        if isinstance(module, LowRankUpdate):
            nn.init.normal_(module.up)


# Low-rank adapters


@pytest.mark.parametrize("training", [True, False])
def test_adapters_change_nothing_at_the_start(training: bool) -> None:
    torch.manual_seed(0)
    block, x = AttentionBlock().train(training), torch.randn(3, 5, 8)
    with torch.no_grad():
        before, state = block(x), {name: tensor.clone() for name, tensor in block.state_dict().items()}
        add_adapters(block, rank=2, alpha=4.0)
        torch.testing.assert_close(block(x), before)
        assert torch.equal(block.attn.in_proj_weight, state["attn.in_proj_weight"])
        assert torch.equal(block.mlp[0].weight, state["mlp.0.weight"])


def test_an_adapter_adds_its_scaled_product_to_the_weight() -> None:
    """weight [2, 3] of zeros, rank 1, alpha 3: up (1, 2) times down (1, 0, 5), three times."""
    update = LowRankUpdate(torch.zeros(2, 3), rank=1, alpha=3.0)
    with torch.no_grad():
        update.up.copy_(torch.tensor([[1.0], [2.0]]))
        update.down.copy_(torch.tensor([[1.0, 0.0, 5.0]]))
    assert update(torch.ones(2, 3)).tolist() == [[4.0, 1.0, 16.0], [7.0, 1.0, 31.0]]


def test_adapters_work_on_the_attention_and_the_mlp_as_if_their_weights_were_changed() -> None:
    torch.manual_seed(0)
    block, x = AttentionBlock().eval(), torch.randn(3, 5, 8)
    by_hand = copy.deepcopy(block)
    add_adapters(block, rank=2, alpha=6.0)
    wake_adapters(block)
    with torch.no_grad():
        for path, name in (("attn", "in_proj_weight"), ("attn.out_proj", "weight"), ("mlp.0", "weight"), ("mlp.2", "weight")):
            adapter = block.get_submodule(path).parametrizations[name][0]
            weight = getattr(by_hand.get_submodule(path), name)
            for row in range(weight.shape[0]):
                for column in range(weight.shape[1]):
                    weight[row, column] += 3.0 * sum(adapter.up[row, k] * adapter.down[k, column] for k in range(2))
        torch.testing.assert_close(block(x), by_hand(x))
        assert (block(x) - AttentionBlock()(x)).abs().max() > 0.1


def test_merged_adapters_give_the_same_network_without_them() -> None:
    torch.manual_seed(0)
    network, x = timm_network("test_vit"), torch.randn(2, 3, 160, 160)
    names = set(network.state_dict())
    add_adapters(network, rank=3, alpha=8.0)
    wake_adapters(network)
    with torch.no_grad():
        adapted = network(x)
        for module in list(network.modules()):
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        assert set(network.state_dict()) == names
        torch.testing.assert_close(network(x), adapted)


def test_only_the_adapters_learn() -> None:
    torch.manual_seed(0)
    block = AttentionBlock()
    fixed = {id(parameter) for parameter in block.parameters()}
    add_adapters(block, rank=2, alpha=4.0)
    wake_adapters(block)
    block(torch.randn(3, 5, 8)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in block.named_parameters() if id(parameter) not in fixed}
    assert len(gradients) == 2 * 4
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients.values())
    assert all(parameter.grad is None for parameter in block.parameters() if id(parameter) in fixed)


def test_adapters_of_rank_r_have_r_numbers_for_each_row_and_column() -> None:
    """In the block: 24 x 8, 8 x 8, 16 x 8 and 8 x 16, so 3 * (32 + 16 + 24 + 24)."""
    block = AttentionBlock()
    add_adapters(block, rank=3, alpha=1.0)
    assert sum(parameter.numel() for parameter in block.parameters() if parameter.requires_grad) == 3 * 96


def test_an_adapted_network_is_built_again_from_its_state_dict_alone() -> None:
    torch.manual_seed(0)
    first, second, x = AttentionBlock().eval(), AttentionBlock().eval(), torch.randn(3, 5, 8)
    for block in (first, second):
        add_adapters(block, rank=2, alpha=4.0)
        wake_adapters(block)
    assert (first(x) - second(x)).abs().max() > 0.1
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    assert torch.equal(first(x), second(x))


def test_pretrained_tensors_reach_an_adapted_network_under_their_published_names() -> None:
    torch.manual_seed(0)
    published, block, x = AttentionBlock().eval(), AttentionBlock().eval(), torch.randn(3, 5, 8)
    add_adapters(block, rank=2, alpha=4.0)
    state = plain_state(block)
    assert set(state) == set(published.state_dict())
    for name, tensor in published.state_dict().items():
        state[name].copy_(tensor)
    torch.testing.assert_close(block(x), published(x))


def test_a_network_without_linear_layers_cannot_be_adapted() -> None:
    with pytest.raises(ConfigError, match="tune = partial"):
        add_adapters(timm_network("test_resnet"), rank=2, alpha=4.0)


# What is trained


def test_head_trains_nothing_of_the_network_and_full_all_of_it() -> None:
    network = timm_network("test_vit")
    apply_tuning(network, options("full"), timm_groups)
    assert trained(network) == {name for name, _ in network.named_parameters()}
    apply_tuning(network, options("head"), timm_groups)
    assert trained(network) == set()


def test_partial_trains_the_last_blocks_of_a_transformer_and_the_norm_behind_them() -> None:
    network = timm_network("test_vit")
    apply_tuning(network, options("partial", partial_blocks=2), timm_groups)
    last = len(network.blocks) - 1
    expected = (f"blocks.{last}.", f"blocks.{last - 1}.", "norm.", "fc_norm.")
    assert trained(network) == {name for name, _ in network.named_parameters() if name.startswith(expected)}
    assert (
        {"norm.weight", f"blocks.{last - 1}.attn.qkv.weight"} <= trained(network) < {name for name, _ in network.named_parameters()}
    )


def test_partial_trains_the_last_blocks_of_a_convnext_and_the_norm_of_its_head() -> None:
    network = timm_network("test_convnext")
    apply_tuning(network, options("partial", partial_blocks=1), timm_groups)
    stage = len(network.stages) - 1
    block = len(network.stages[stage].blocks) - 1
    found = trained(network)
    assert f"stages.{stage}.blocks.{block}.mlp.fc1.weight" in found
    assert "head.norm.weight" in found
    assert not any(name.startswith(("stem", "stages.0", "stages.1")) for name in found)


def test_partial_trains_the_last_block_of_a_resnet() -> None:
    network = timm_network("test_resnet")
    apply_tuning(network, options("partial", partial_blocks=1), timm_groups)
    last = f"layer4.{len(network.layer4) - 1}."
    assert trained(network) == {name for name, _ in network.named_parameters() if name.startswith(last)}


def test_every_parameter_is_in_one_block_and_what_no_pattern_knows_belongs_to_the_last() -> None:
    network = nn.ModuleDict({"stem": nn.Linear(1, 1), "a": nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)]), "z": nn.Linear(1, 1)})
    groups = parameter_groups(network, {"stem": "^stem", "blocks": r"^a\.(\d+)"})
    expected = [network["stem"], network["a"][0], network["a"][1]]
    assert [id(p) for group in groups for p in group] == [id(p) for p in network.parameters()]
    assert [id(group[0]) for group in groups] == [id(module.weight) for module in expected]
    assert len(groups[-1]) == 4


def test_more_blocks_than_there_are_is_refused_with_their_number() -> None:
    with pytest.raises(ConfigError, match=r"partial_blocks = 99, but the network has \d+; use tune = full"):
        apply_tuning(timm_network("test_vit"), options("partial", partial_blocks=99), timm_groups)


# Modes of layers


def batch_means(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items() if name.endswith("running_mean")}


@pytest.mark.parametrize("tune", ["partial", "full"])
def test_norms_keep_their_statistics_and_learn_their_scale(tune: str) -> None:
    network = timm_network("test_resnet")
    apply_tuning(network, options(tune), timm_groups)
    network.train()
    keep_fixed_parts_in_eval(network)
    before = batch_means(network)
    network(torch.randn(4, 3, 64, 64)).sum().backward()
    assert all(torch.equal(mean, before[name]) for name, mean in batch_means(network).items())
    assert network.layer4[-1].bn2.weight.grad.abs().sum() > 0


def test_a_batch_in_chunks_has_the_gradients_of_the_whole_batch_although_there_are_batch_norms() -> None:
    torch.manual_seed(0)
    network, images = timm_network("test_resnet"), torch.randn(6, 3, 64, 64)
    apply_tuning(network, options("full"), timm_groups)
    network.train()
    keep_fixed_parts_in_eval(network)
    gradients = []
    for chunks in ([images], images.split(2)):
        network.zero_grad()
        for chunk in chunks:
            network(chunk).square().sum().backward()
        gradients.append(torch.cat([parameter.grad.ravel() for parameter in network.parameters() if parameter.grad is not None]))
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.99999


def dropped() -> nn.Module:
    return nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Sequential(nn.Linear(2, 2), nn.Dropout()))


@pytest.mark.parametrize(("fix", "in_training"), [((), [True, True]), ((0,), [False, True]), ((0, 1), [False, False])])
def test_dropout_is_off_in_fixed_parts_and_on_in_trained_ones(fix: tuple[int, ...], in_training: list[bool]) -> None:
    network = dropped()
    for part in fix:
        network[part].requires_grad_(False)
    network.train()
    keep_fixed_parts_in_eval(network)
    assert [part[1].training for part in network] == in_training


# Options


def test_a_path_is_kept_from_the_root_because_a_checkpoint_may_be_opened_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert options("head", weights="w/a.safetensors").weights == str(tmp_path / "w" / "a.safetensors")
    assert options("head", weights="laion2b_s34b_b79k").weights == "laion2b_s34b_b79k"


@pytest.mark.parametrize("tune", ["frozen", "head", "partial", "lora"])
def test_to_keep_random_weights_is_refused(tune: str) -> None:
    with pytest.raises(ConfigError, match=f"tune = {tune} keeps weights as they are, so it needs `weights`"):
        TuneOptions.parse({"tune": tune}, where="test")
    assert TuneOptions.parse({"tune": "full"}, where="test").weights is None
