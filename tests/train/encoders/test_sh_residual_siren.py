"""The harmonics go into a residual SIREN, with the options of the plain one."""

import torch

from train.encoders.location import sh_residual_siren, sh_siren
from train.nets.harmonics import real_harmonics


def test_it_is_the_residual_siren_of_the_harmonics() -> None:
    torch.manual_seed(0)
    encoder = sh_residual_siren.build(degrees=6, hidden=16, depth=3, dim=4).double()
    lat, lon = torch.tensor([12.0, -75.0]), torch.tensor([100.0, 3.0])
    weights, x, before = encoder.state_dict(), real_harmonics(lat, lon, 6), None
    for layer, w0 in ((0, 10.0), (1, 1.0), (2, 1.0)):
        prefix = f"network.body.{layer}.linear"
        out = x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]
        before = out if before is None else (before + out) / 2
        x = torch.sin(w0 * before)
    torch.testing.assert_close(encoder.hidden(lat, lon), x)
    torch.testing.assert_close(encoder(lat, lon), x @ weights["network.head.weight"].T + weights["network.head.bias"])


def test_with_the_same_weights_it_is_another_function_than_the_plain_one() -> None:
    torch.manual_seed(0)
    residual, plain = (part.build(degrees=6, hidden=16, depth=3, dim=4) for part in (sh_residual_siren, sh_siren))
    plain.load_state_dict(residual.state_dict())
    lat, lon = torch.tensor([12.0]), torch.tensor([100.0])
    assert (plain(lat, lon) - residual(lat, lon)).abs().max() > 1e-3
