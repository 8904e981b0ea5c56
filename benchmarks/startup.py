"""How long a command takes from nothing, and how much memory: ``placebind`` on a catalogue that is indexed by the shipped model.

    python -m benchmarks.startup ~/.placebind/demo

Medians of five runs in processes of their own; the first of each is not counted, as it fills caches. Torch's way is measured in the
same run, in turns with ours. CPU seconds stand beside the wall clock, which on a busy machine measures the neighbours.

Each is measured once more beside two processes that compute without end. On two cores one thread then has a fair share of two
thirds of a core; what waits for several threads of its own takes much longer.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUNS = 5
BUSY = 2  # processes
PYTHON = """
import sys
from retrieval import Space
space = Space.open(catalogue=sys.argv[1], encoders=sys.argv[2])
space.search("salt flats in the desert", k=5)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    folder = str(given.catalogue.expanduser())
    command = [sys.executable, "-m", "ui"]
    ours = {
        "search text": [*command, "search", "salt flats in the desert", "-c", folder],
        "search --lat --lon": [*command, "search", "--lat", "-24.4", "--lon", "-69", "-c", folder],
        "--version": [*command, "--version"],
        "--help": [*command, "--help"],
        "Python: import, open, first answer": [sys.executable, "-c", PYTHON, folder, "auto"],
        "the same by torch": [sys.executable, "-c", PYTHON, folder, "torch"],
    }
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ours}
    beside: dict[str, list[float]] = {name: [] for name in ours}
    for number in range(given.runs + 1):
        for name, arguments in ours.items():
            alone = run(arguments)
            with busy():
                wall_s, _, _ = run(arguments)
            if number:
                taken[name].append(alone)
                beside[name].append(wall_s)
    print("| what | wall s | CPU s | memory MB | wall s beside two busy processes | times |\n|---|---|---|---|---|---|")
    for name, runs in taken.items():
        wall_s, cpu_s, memory_mb = (statistics.median(each) for each in zip(*runs, strict=True))
        busy_s = statistics.median(beside[name])
        print(f"| {name} | {wall_s:.2f} | {cpu_s:.2f} | {memory_mb:.0f} | {busy_s:.2f} | {busy_s / wall_s:.1f} |")


@contextmanager
def busy() -> Iterator[None]:
    """Two processes compute meanwhile."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


def run(arguments: list[str]) -> tuple[float, float, float]:
    """Wall and CPU seconds and the largest resident memory (MB) of a process."""
    begun_s = time.perf_counter()
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as an installation is
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=compiled)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun_s
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed: {status}")
    return wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
