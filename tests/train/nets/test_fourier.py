"""Random Fourier features: the formula, the spread of the frequencies, and what is saved."""

import math

import pytest
import torch

from train.nets.fourier import RandomFourier


def test_each_frequency_gives_a_cosine_and_a_sine_in_two_halves() -> None:
    fourier = RandomFourier(2, 3, sigma=1.0).double()
    fourier.matrix.copy_(torch.tensor([[0.25, 0.0], [0.0, 0.5], [1.0, 1.0]]))
    out = fourier(torch.tensor([[1.0, 0.5]], dtype=torch.float64))
    phases = [math.pi / 2, math.pi / 2, 3 * math.pi]
    by_hand = [[math.cos(phase) for phase in phases] + [math.sin(phase) for phase in phases]]
    torch.testing.assert_close(out, torch.tensor(by_hand, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize("sigma", [1.0, 16.0])
def test_frequencies_are_drawn_with_standard_deviation_sigma(sigma: float) -> None:
    torch.manual_seed(0)
    matrix = RandomFourier(2, 5000, sigma).matrix
    assert float(matrix.std()) == pytest.approx(sigma, rel=0.03)
    assert abs(float(matrix.mean())) < 0.05 * sigma


def test_the_phase_keeps_the_digits_of_the_input() -> None:
    """A metre on the Earth at sigma 256 turns the phase by 2e-4; in float32 a phase of 1,000s of radians cannot show that."""
    torch.manual_seed(0)
    fourier = RandomFourier(1, 64, sigma=256.0)
    here, step = torch.tensor([[0.9]], dtype=torch.float64), 1 / 6_371_000
    moved = fourier(here + step) - fourier(here)
    slope = 2 * math.pi * fourier.matrix.double().squeeze(1) * step
    cosine, sine = fourier(here).squeeze(0).chunk(2)
    torch.testing.assert_close(moved.squeeze(0), torch.cat([-sine * slope, cosine * slope]), rtol=0, atol=1e-6)


def test_frequencies_are_saved_with_the_model_but_not_trained() -> None:
    fourier = RandomFourier(3, 4, sigma=1.0)
    assert list(fourier.state_dict()) == ["matrix"]
    assert list(fourier.parameters()) == []
