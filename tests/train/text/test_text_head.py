"""The head of the text towers: plain without pooling; with it, a learnt query asks the passages there are."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from index.errors import ConfigError
from train.text.text_head import MOST_HEADS, SKIP_GAIN, HeadOptions, SentenceAttention, TextHead

FEATURES = 16


def head(**options: object) -> TextHead:
    torch.manual_seed(3)
    return TextHead(FEATURES, HeadOptions.parse({"hidden": 8, "dim": 5} | options, where="head")).double().eval()


def texts(count: int, passages: int) -> tuple[Tensor, Tensor]:
    """Passages [count, passages, F] of unit norm; text i has 1 + i % passages of them."""
    rng = torch.Generator().manual_seed(1)
    features = F.normalize(torch.randn(count, passages, FEATURES, dtype=torch.float64, generator=rng), dim=-1)
    return features, torch.arange(passages)[None, :] <= torch.arange(count)[:, None] % passages


def wake(tower: TextHead) -> TextHead:
    """As if some training had been done: the sentences count."""
    assert tower.attention is not None
    torch.nn.init.normal_(tower.attention.attend.out_proj.weight, generator=torch.Generator().manual_seed(2))
    return tower


def plain_head(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """skip(4 x) + Linear(gelu(Linear(standardised x))), element by element where it is short to say."""
    standardised = (x - x.mean(dim=1, keepdim=True)) / (x.var(dim=1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    hidden = (standardised * weights["head.0.weight"] + weights["head.0.bias"]) @ weights["head.2.weight"].T + weights[
        "head.2.bias"
    ]
    gelu = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    return (4 * x) @ weights["skip.weight"].T + weights["skip.bias"] + gelu @ weights["head.5.weight"].T + weights["head.5.bias"]


def slow_attention(attention: SentenceAttention, passages: Tensor, present: Tensor) -> Tensor:
    """Text by text and head by head, with a softmax over nothing but the passages that are there."""
    weights, size = attention.attend, FEATURES // MOST_HEADS
    q_weight, k_weight, v_weight = weights.in_proj_weight.chunk(3)
    q_bias, k_bias, v_bias = weights.in_proj_bias.chunk(3)
    query = q_weight @ attention.query + q_bias
    found = []
    for text, there in zip(passages, present, strict=True):
        seen = [attention.standardise(part) for part, is_there in zip(text, there, strict=True) if is_there]
        heads = []
        for one in (slice(start, start + size) for start in range(0, FEATURES, size)):
            scores = torch.stack([(k_weight @ part + k_bias)[one] @ query[one] / math.sqrt(size) for part in seen])
            shares = scores.exp() / scores.exp().sum()
            heads.append(sum(share * (v_weight @ part + v_bias)[one] for share, part in zip(shares, seen, strict=True)))
        found.append(weights.out_proj.weight @ torch.cat(heads) + weights.out_proj.bias)
    return torch.stack(found)


# Without pooling


def test_the_whole_text_goes_through_a_linear_path_beside_a_hidden_layer() -> None:
    tower, (passages, present) = head(), texts(6, 1)
    torch.testing.assert_close(tower(passages, present), plain_head(tower.state_dict(), passages[:, 0]), rtol=1e-12, atol=1e-12)
    assert SKIP_GAIN == 4


def test_the_weights_have_the_names_that_checkpoints_were_written_with() -> None:
    names = ["skip", "head.0", "head.2", "head.5"]
    assert list(head().state_dict()) == [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]


def test_without_pooling_sentences_are_not_read() -> None:
    tower, (passages, present) = head(), texts(4, 3)
    altered = passages.clone()
    altered[:, 1:] = torch.nan
    assert torch.equal(tower(passages, present), tower(altered, present))


# With attention over the sentences


def test_at_first_attention_hears_the_whole_text_alone() -> None:
    passages, present = texts(6, 4)
    assert torch.equal(head(pool="attention")(passages, present), head()(passages, present))


def test_attention_gives_what_a_slow_loop_gives_values_and_gradients() -> None:
    tower, (passages, present) = wake(head(pool="attention")), texts(7, 4)
    assert tower.attention is not None
    weights = list(tower.attention.parameters())
    results = []
    for compute in (tower.attention, lambda *given: slow_attention(tower.attention, *given)):
        read = passages.clone().requires_grad_()
        out = compute(read, present)
        results.append([out, *torch.autograd.grad(out.square().sum(), [read, *weights])])
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-11)


def test_what_attention_finds_is_added_to_the_whole_text() -> None:
    tower, (passages, present) = wake(head(pool="attention")), texts(5, 3)
    assert tower.attention is not None
    pooled = passages[:, 0] + slow_attention(tower.attention, passages, present)
    torch.testing.assert_close(tower(passages, present), plain_head(tower.state_dict(), pooled), rtol=1e-9, atol=1e-11)


def test_what_lies_in_absent_parts_changes_nothing_not_even_nan() -> None:
    tower, (passages, present) = wake(head(pool="attention")), texts(6, 4)
    expected = tower(passages, present)
    rubbish = passages.masked_fill(~present[..., None], torch.nan).requires_grad_()
    found = tower(rubbish, present)
    assert torch.equal(found, expected)
    found.sum().backward()
    assert rubbish.grad is not None
    assert torch.isfinite(rubbish.grad).all()
    assert (rubbish.grad[~present] == 0).all()
    assert (rubbish.grad[present].abs().amax(dim=-1) > 0).all()


def test_a_short_query_is_the_same_alone_and_beside_long_articles() -> None:
    tower, (passages, present) = wake(head(pool="attention")), texts(8, 4)
    alone = tower(passages[:1, :1], torch.ones(1, 1, dtype=torch.bool))
    torch.testing.assert_close(tower(passages, present)[:1], alone, rtol=1e-12, atol=1e-12)


def test_the_order_of_the_sentences_does_not_matter_but_which_part_is_the_whole_does() -> None:
    tower, (passages, _) = wake(head(pool="attention")), texts(3, 4)
    everything = torch.ones(3, 4, dtype=torch.bool)
    torch.testing.assert_close(tower(passages[:, [0, 3, 1, 2]], everything), tower(passages, everything), rtol=1e-9, atol=1e-11)
    assert (tower(passages[:, [1, 0, 2, 3]], everything) - tower(passages, everything)).abs().max() > 0.1


def test_attention_learns_which_sentence_tells_the_place() -> None:
    """The whole is noise. One sentence, anywhere, carries a mark (axis 0) and tells the place (axis 1, + or -); the others shout
    on the same axis without the mark. A mean cannot tell them apart."""
    rng = torch.Generator().manual_seed(5)
    count, width = 256, 6
    passages = 0.1 * torch.randn(count, width, FEATURES, generator=rng)
    place = torch.randint(2, (count,), generator=rng) * 2.0 - 1
    passages[:, 1:, 1] = torch.randint(2, (count, width - 1), generator=rng) * 2.0 - 1
    telling = 1 + torch.randint(width - 1, (count,), generator=rng)
    passages[torch.arange(count), telling, 0], passages[torch.arange(count), telling, 1] = 1.0, place
    passages, present = F.normalize(passages, dim=-1), torch.ones(count, width, dtype=torch.bool)
    correct = {}
    for pool in ("whole", "attention"):
        tower = head(pool=pool, dim=2, dropout=0).float()
        optimizer = torch.optim.Adam(tower.parameters(), lr=0.02)
        for _ in range(60):
            optimizer.zero_grad()
            F.soft_margin_loss(tower(passages[:128], present[:128])[:, 0], place[:128]).backward()
            optimizer.step()
        correct[pool] = float(((tower(passages[128:], present[128:])[:, 0] > 0) == (place[128:] > 0)).float().mean())
    assert correct["whole"] < 0.65
    assert correct["attention"] > 0.95


def test_all_of_the_attention_is_trained() -> None:
    tower, (passages, present) = wake(head(pool="attention")), texts(6, 4)
    tower(passages, present).square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().max() > 0 for each in tower.parameters())


# Options


def test_a_tower_says_how_many_parts_it_wants() -> None:
    assert head().passages == head(sentences=3).passages == 1
    assert head(pool="attention").passages == 9
    assert head(pool="attention", sentences=3).passages == 4


@pytest.mark.parametrize("feature_dim", [15, 12, 384])
def test_any_size_of_features_can_be_attended_to(feature_dim: int) -> None:
    tower = TextHead(feature_dim, HeadOptions.parse({"pool": "attention", "dim": 4}, where="head"))
    assert tower(torch.randn(2, 3, feature_dim), torch.ones(2, 3, dtype=torch.bool)).shape == (2, 4)


@pytest.mark.parametrize("wrong", [{"pool": "mean"}, {"sentences": 0}, {"dropout": 1.0}, {"dim": 1}, {"hidden": 0}])
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        HeadOptions.parse(wrong, where="minilm")


def test_every_option_is_described() -> None:
    assert [name for name, field in HeadOptions.model_fields.items() if not field.description] == []
