"""Coordinates per second of every location encoder next to GeoCLIP's and SatCLIP's, forward, in one run.

    python benchmarks/encoders.py [--geoclip FOLDER] [--threads 4] [--batch 8192] [--runs 7]

FOLDER is the package ``geoclip`` of PyPI, unpacked (``pip download --no-deps geoclip==1.3.0``, unzip; the folder that holds
``model``): only its ``model/location_encoder.py`` and its imports are loaded, with the published weights. Without it that row
says "not run". SatCLIP's closed form is ``closed_form`` below, written from the published formula and evaluated as
SatCLIP does it: for each (l, m) the associated Legendre function again from P_mm upwards, with the factorials of the normalisation
as Python numbers. Its output goes into the same SIREN as our `sh_siren` with L = 40, so only harmonics and precision
differ. SatCLIP runs coordinates, harmonics and network in float64 (``.double()`` throughout its model.py), and so does its row;
the row in float32 shows the saving if it were usable: (2m-1)!! overflows, and a line below the table gives the share of lost
values.

All outputs are 512 wide. The contestants take turns and the best of their turns counts, because machines are shared: trust the
ratios within one run, not the rates.
"""

import argparse
import importlib
import math
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Read when torch is imported. On a busy machine actively waiting threads delay the very threads they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from index.registry import load, names
from train.nets.harmonics import real_harmonics

REGISTRY = "train.encoders.location"
DIM = 512
DEGREES = 40
GEOCLIP = "GeoCLIP (PyPI)"
OURS40 = f"sh_siren, L = {DEGREES}"
SATCLIP, SATCLIP32 = (f"SatCLIP's closed form, L = {DEGREES}, {precision}" for precision in ("float64 as published", "float32"))
HARMONICS = [f"{whose} alone, L = {DEGREES}" for whose in ("our recurrence", "closed form in float64", "closed form in float32")]
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    OURS40: ("sh_siren", {"degrees": DEGREES}),
    "sh_siren, L = 100": ("sh_siren", {"degrees": 100}),
    "voronoi, 4,096 sites": ("voronoi", {"sites": 4096}),
    "voronoi, 4,096 sites, all asked": ("voronoi", {"sites": 4096, "left_out": 0}),
    "voronoi, 16,384 sites": ("voronoi", {"sites": 16_384}),
}
Encode = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--geoclip", type=Path, help="the unpacked package geoclip of PyPI")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8192)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    lat = torch.rad2deg(torch.asin(2 * torch.rand(arguments.batch, dtype=torch.float64) - 1))
    lon = 360 * torch.rand(arguments.batch, dtype=torch.float64) - 180
    before = os.getloadavg()[0]
    encoders = contestants(arguments.geoclip)
    rates = measured(encoders, lat, lon, arguments.runs)
    console = Console(width=110)
    console.print(as_table(rates, f"batch {arguments.batch}, {arguments.threads} threads, best of {arguments.runs}"))
    print(f"load of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after; {os.cpu_count()} cores")
    console.print(table_by_batch(encoders, lat, lon, arguments.runs))
    lost = (~torch.isfinite(closed_form(lat.float(), lon.float(), DEGREES))).double().mean()
    print(f"of the closed form's values in float32 {lost:.1%} are not finite")
    print(f"targets, at batch {len(lat):,}:")
    print_target(OURS40, SATCLIP, 20, rates)
    print_target(OURS40, SATCLIP32, 20, rates)
    print_target("voronoi, 4,096 sites", GEOCLIP, 3, rates)


def contestants(geoclip: Path | None) -> dict[str, Encode | None]:
    """By name, with fresh weights except for GeoCLIP's; None: cannot run here."""
    ours: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in names(REGISTRY) if name != "voronoi"} | VARIANTS
    encoders: dict[str, Encode | None] = {
        title: load(REGISTRY, name).build(**options, dim=DIM).eval() for title, (name, options) in ours.items()
    }
    siren, siren64 = (load(REGISTRY, "sh_siren").build(degrees=DEGREES, dim=DIM).eval().network for _ in range(2))
    siren64.double()
    encoders[GEOCLIP] = published_geoclip(geoclip) if geoclip else None
    encoders[SATCLIP] = lambda lat, lon: siren64(closed_form(lat, lon, DEGREES))
    encoders[SATCLIP32] = lambda lat, lon: siren(closed_form(lat.float(), lon.float(), DEGREES))
    alone: tuple[Encode, ...] = (
        lambda lat, lon: real_harmonics(lat, lon, DEGREES),
        lambda lat, lon: closed_form(lat, lon, DEGREES),
        lambda lat, lon: closed_form(lat.float(), lon.float(), DEGREES),
    )
    return encoders | dict(zip(HARMONICS, alone, strict=True))


def published_geoclip(folder: Path) -> Encode:
    """Imported without the package's own ``__init__``, which would also import transformers and an image encoder."""
    for name, path in (("geoclip", folder), ("geoclip.model", folder / "model")):
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    encoder = importlib.import_module("geoclip.model.location_encoder").LocationEncoder().eval()
    return lambda lat, lon: encoder(torch.stack([lat, lon], dim=-1).float())


def closed_form(lat: Tensor, lon: Tensor, degrees: int) -> Tensor:
    """Spherical harmonics [B, degrees**2], one (l, m) at a time, at SatCLIP's angles: azimuth lon + 180, colatitude lat + 90."""
    azimuth, colatitude = torch.deg2rad(lon + 180), torch.deg2rad(lat + 90)
    columns = []
    for degree in range(degrees):
        for order in range(-degree, degree + 1):
            m = abs(order)
            scale = math.sqrt((2 * degree + 1) * math.factorial(degree - m) / (4 * math.pi * math.factorial(degree + m)))
            value = scale * associated_legendre(degree, m, torch.cos(colatitude))
            if order:
                value = math.sqrt(2) * (torch.cos(m * azimuth) if order > 0 else torch.sin(m * azimuth)) * value
            columns.append(value)
    return torch.stack(columns, dim=-1)


def associated_legendre(degree: int, order: int, x: Tensor) -> Tensor:
    """P_lm(x) with the Condon-Shortley phase: P_mm = (-1)^m (2m-1)!! (1-x^2)^(m/2), then upwards in degree."""
    before, current = torch.zeros_like(x), torch.ones_like(x)
    root = torch.sqrt((1 - x) * (1 + x))
    for odd in range(1, 2 * order, 2):
        current = current * -odd * root
    for l in range(order + 1, degree + 1):  # noqa: E741
        before, current = current, ((2 * l - 1) * x * current - (l + order - 1) * before) / (l - order)
    return current


@torch.no_grad()
def measured(encoders: dict[str, Encode | None], lat: Tensor, lon: Tensor, runs: int) -> dict[str, float]:
    """Coordinates per second of each, the best of ``runs`` turns; one more comes first and warms up."""
    best_s = {name: math.inf for name, encode in encoders.items() if encode is not None}
    for run in range(runs + 1):
        for name in best_s:
            encode = encoders[name]
            assert encode is not None
            started_s = time.perf_counter()
            out = encode(lat, lon)
            taken_s = time.perf_counter() - started_s
            assert out.shape == (len(lat), DEGREES**2 if name in HARMONICS else DIM), f"{name} gave {tuple(out.shape)}"
            best_s[name] = min(best_s[name], taken_s) if run else math.inf
    return {name: len(lat) / best_s[name] if name in best_s else math.nan for name in encoders}


def as_table(rates: dict[str, float], title: str) -> Table:
    table = Table("location encoder", title=f"location encoders to {DIM} dimensions: {title}", title_justify="left")
    for heading in ("coordinates/s", "x GeoCLIP", "x SatCLIP float64"):
        table.add_column(heading, justify="right")
    for name, rate in sorted(rates.items(), key=lambda item: -item[1] if item[1] == item[1] else 0):
        ratios = ["" if name in HARMONICS else _ratio(rate, rates[peer]) for peer in (GEOCLIP, SATCLIP)]
        table.add_row(name, f"{rate:,.0f}" if rate == rate else "not run", *ratios)
    return table


def table_by_batch(encoders: dict[str, Encode | None], lat: Tensor, lon: Tensor, runs: int) -> Table:
    """A loop over 1,600 (l, m) costs the same for one coordinate as for hundreds, so its effect depends on the batch."""
    table = Table("batch", title=f"{OURS40}, and how many times as fast as SatCLIP's closed form", title_justify="left")
    for heading in ("coordinates/s", "x float64 as published", "x float32"):
        table.add_column(heading, justify="right")
    for batch in (*(size for size in (128, 1024) if size < len(lat)), len(lat)):
        rates = measured({name: encoders[name] for name in (OURS40, SATCLIP, SATCLIP32)}, lat[:batch], lon[:batch], runs)
        ratios = [_ratio(rates[OURS40], rates[peer]) for peer in (SATCLIP, SATCLIP32)]
        table.add_row(f"{batch:,}", f"{rates[OURS40]:,.0f}", *ratios)
    return table


def print_target(ours: str, theirs: str, wanted: float, rates: dict[str, float]) -> None:
    ratio = rates[ours] / rates[theirs]
    verdict = "not run" if math.isnan(ratio) else f"{ratio:.1f} times: {'reached' if ratio >= wanted else 'MISSED'}"
    print(f"  {ours} at least {wanted} times {theirs}: {verdict}")


def _ratio(rate: float, peer: float) -> str:
    return "" if math.isnan(rate / peer) else f"{rate / peer:.2f}"


if __name__ == "__main__":
    main()
