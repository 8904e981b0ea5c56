"""Time a step and peak memory against the batch: everything at once, the loss in chunks, loss and encoders in chunks.

    python benchmarks/batch_size.py [--device cpu|cuda] [--threads 4] [--largest 32768] [--whole-up-to 8192]

Articles with cached features (random ones here: 384 numbers each) under the MiniLM head, bound by imagebind to the default
location encoder with soft labels; optimiser step included. Each figure comes from a process of its own: the median of three steps
after one to warm up (above 4,096 one step). Memory is the peak (resident set, or allocated on the GPU) less that before it. The
slope is that of log(figure) over log(batch) between the two largest batches: 1 is linear, 2 is quadratic.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

SMALLEST, CHUNK = 1024, 1024
REPEATED_UP_TO = 4096  # above this, one step takes long enough to measure once
MODES = {"at once": {}, "loss in chunks": {"loss_chunk": CHUNK}, "all in chunks": {"loss_chunk": CHUNK, "encode_chunk": 4096}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--largest", type=int, default=32_768)
    parser.add_argument("--whole-up-to", type=int, default=8_192, help="largest batch whose logits are computed at once")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure[0], int(asked.measure[1]), asked.device, asked.threads)))
        return
    sizes = [SMALLEST * 2**n for n in range(int(math.log2(asked.largest / SMALLEST)) + 1)]
    table = Table("", *(f"{size:,}" for size in sizes), "slope", title=f"batch on {asked.device}, {asked.threads} threads")
    for mode in MODES:
        found = [run(mode, size, asked) if mode != "at once" or size <= asked.whole_up_to else None for size in sizes]
        for name, unit in (("s", "s/step"), ("mib", "MiB")):
            cells = ["—" if each is None else f"{each[name]:,.2f}" if name == "s" else f"{each[name]:,.0f}" for each in found]
            table.add_row(f"{mode}, {unit}", *cells, f"{slope([each[name] for each in found if each]):.2f}")
    Console(width=140).print(table)


def run(mode: str, size: int, asked: Any) -> dict[str, float]:
    options = ["--device", asked.device, "--threads", str(asked.threads), "--measure", mode, str(size)]
    done = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def slope(values: list[float]) -> float:
    return math.log2(max(values[-1], 1e-9) / max(values[-2], 1e-9))


def measure(mode: str, size: int, device: str, threads: int) -> dict[str, float]:
    import torch

    from index.geo import fibonacci_sphere
    from train.config import TrainConfig
    from train.model import build_model
    from train.objective.gradcache import backward_in_parts
    from train.text.articles import ArticleBatch

    torch.set_num_threads(threads)
    settings: dict[str, int] = dict(MODES[mode])
    encode_chunk = settings.pop("encode_chunk", 0)
    config = TrainConfig.load(None, tuple(f"architecture.options.{name}={value}" for name, value in settings.items()))
    model = build_model(config).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    lat, lon = (torch.from_numpy(each) for each in fibonacci_sphere(size))
    features = torch.nn.functional.normalize(torch.randn(size, 1, 384), dim=-1)

    def part(start: int, stop: int) -> ArticleBatch:
        rows = slice(start, stop)
        present = torch.ones(len(features[rows]), 1, dtype=torch.bool)
        return ArticleBatch(features[rows], present, lat[rows], lon[rows]).to(torch.device(device))

    def step(number: int) -> float:
        started = time.perf_counter()
        optimizer.zero_grad()
        if encode_chunk:
            starts = range(0, size, encode_chunk)
            backward_in_parts(model, [[lambda s=s: part(s, s + encode_chunk) for s in starts]], number, lambda part: part)
        else:
            model([part(0, size)], number)["total"].backward()
        optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    before = peak_mib(device)
    if size <= REPEATED_UP_TO:
        step(0)
    seconds = [step(number) for number in range(1, 4 if size <= REPEATED_UP_TO else 2)]
    return {"s": statistics.median(seconds), "mib": peak_mib(device) - before}


def peak_mib(device: str) -> float:
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
    main()
