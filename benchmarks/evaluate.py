"""The shipped model, and any number of trained ones, beside floors, untrained twins and GeoCLIP: what learning adds, what helps.

    python -m benchmarks.evaluate [RUNS] --labels ../shared/data/labels --geoclip FOLDER --out FOLDER [--runs '*-seed0']

RUNS holds the folders that benchmarks/architectures.py (or `placebind train --compare`) leaves, named
architecture-location-modalities-seedN; FOLDER of --geoclip is the unpacked wheel of the PyPI package. Every model is probed by
RANGE's protocol at its hidden layer (--layer output: at its output), and so are three untrained twins of the shipped one. Rows are
kept in --out: a stopped run resumes, also one of `placebind evaluate --out` the same folder. Writes evaluate.md there.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.architectures import interval
from index.registry import names
from train.probing.evaluation import FLOORS, Evaluated, Plan, evaluate, features_of, tasks_of
from train.probing.features._features import Features
from train.probing.features.inputs import build as inputs
from train.probing.features.placebind import build as placebind
from train.probing.paired import LEARNING, Difference
from train.probing.results import NotRun, Row, averaged
from train.probing.splits import SPLITS, split_of
from train.shipped import shipped_model
from ui.console import ProgressBars

RUN = re.compile(r"(?P<architecture>[a-z]+)-(?P<location>[a-z_]+)-(?P<modalities>[a-z+]+)-seed(?P<seed>\d+)")
MODALITIES = ("articles", "tiles", "articles+tiles")
Group = tuple[str, str, str]  # modalities, architecture, location encoder
Scores = dict[tuple[str, str, str], dict[Group, dict[int, float]]]  # by split, task and metric -> of each group -> by seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="folder with the runs")
    parser.add_argument("--runs", default="*", help="pattern of the runs' names")
    parser.add_argument("--labels", type=Path, help="folder with tables of labels")
    parser.add_argument("--geoclip", type=Path, help="the unpacked wheel of geoclip")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--layer", default="hidden", choices=("hidden", "output"))
    parser.add_argument("--tasks", nargs="+", default=names("train.probing.tasks"))
    parser.add_argument("--splits", nargs="+", default=SPLITS)
    parser.add_argument("--probe", default="ridge", help="prefix chooses how much of a nested encoder a task wants")
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    there = sorted(asked.folder.glob(asked.runs)) if asked.folder else []
    runs = [path for path in there if RUN.fullmatch(path.name) and any(path.glob("model.*"))]
    shipped = placebind(checkpoint=shipped_model(), layer=asked.layer, label="shipped")
    floors, lacking = features_of([*FLOORS, f"geoclip:weights={asked.geoclip}" if asked.geoclip else "geoclip"])
    ours = [placebind(checkpoint=path, layer=asked.layer, label=path.name) for path in runs]
    splits = [split_of(name) for name in asked.splits]
    own_floors: list[Features] = [inputs(checkpoint=shipped_model(), label="shipped"), *shipped.twins()]
    features = [*floors, *own_floors, shipped, *ours]
    plan = Plan(tasks_of(asked.tasks, folder=asked.labels), features, splits, asked.probe, lacking=lacking)
    with ProgressBars() as bars:
        found = evaluate(plan, asked.out, bars, asked.workers)
    text = "\n".join([*learning(found, shipped.name), *report(found.rows, found.not_run, len(runs), asked.layer)]) + "\n"
    (asked.out / "evaluate.md").write_text(text, encoding="utf-8")
    print(text)


def learning(found: Evaluated, shipped: str) -> Iterator[str]:
    """What learning adds to the shipped model, task by task, and what its floors and GeoCLIP have."""
    rows = averaged(found.rows)
    yield "# What learning adds"
    yield ""
    yield f"The shipped model ({shipped}) minus its untrained twins: same network, options and pictures, random weights, the mean"
    yield "of three seeds. In brackets the 95 % interval, paired over blocks. *Best other floor*: of longitude and latitude,"
    yield "harmonics, neighbours, inverse distance and the raw inputs, picked after the fact. R2, of classifications the share that"
    yield "is right; of continents held out, the mean over the continents in square brackets. Made by `benchmarks/evaluate.py`."
    for split in dict.fromkeys(row.split for row in rows):
        yield f"\n## Split: {split}\n"
        yield "| task | best other floor | inputs | untrained | shipped | learning adds | GeoCLIP |"
        yield "|---|---|---|---|---|---|---|"
        of_split = (each for each in found.differences if each.title == LEARNING and each.row.split == split)
        adds = {each.row.task: each for each in of_split if each.row.features == shipped}
        for task in dict.fromkeys(row.task for row in rows if row.split == split):
            by_name = {row.features: row for row in rows if (row.task, row.split) == (task, split)}
            if shipped in by_name:
                yield f"| {task} | {' | '.join(_learnt(by_name, shipped, adds.get(task)))} |"
        yield ""
        yield _summary(list(adds.values()))
    yield ""


def _learnt(rows: dict[str, Row], shipped: str, added: Difference | None) -> Iterator[str]:
    twin, raw = f"{shipped}, untrained", "shipped inputs"
    floors = [row for name, row in rows.items() if name not in (shipped, twin, "geoclip") and not RUN.match(name)]
    best = max(floors, key=lambda row: row.score)
    yield f"{best.features} {_score(best)}"
    yield from (_score(rows[name]) if name in rows else "" for name in (raw, twin, shipped))
    yield "" if added is None else f"{added.difference:+.3f} ({added.low:+.3f} to {added.high:+.3f}) {added.verdict}"
    yield _score(rows["geoclip"]) if "geoclip" in rows else ""


def _score(row: Row) -> str:
    return f"{row.score:.3f}" + (f" [{row.mean_of_folds:.2f}]" if row.split == "continent" else "")


def _summary(differences: list[Difference]) -> str:
    counts = {verdict: sum(each.verdict == verdict for each in differences) for verdict in ("adds", "harms", "even", "")}
    few = f"; for {counts['']} there are too few blocks to say" if counts[""] else ""
    return (
        f"Learning adds on {counts['adds']} of {len(differences)} tasks and harms on {counts['harms']}; for {counts['even']} the "
        f"interval includes no difference{few}."
    )


def report(rows: list[Row], not_run: list[NotRun], runs: int, layer: str) -> Iterator[str]:
    """Models by architecture, modalities and seed, line by line."""
    if not runs:
        yield from not_run_lines(not_run)
        return
    scores = by_group(rows)
    yield "# Models beside floors and GeoCLIP"
    yield ""
    yield f"{runs} models at their {layer} layer. Ours: mean ± 95 % interval (t) over seeds; the others: score ± half of the 95 %"
    yield "interval over blocks of 10 degrees. R2, of classifications the share that is right. Made by `benchmarks/evaluate.py`."
    for split in dict.fromkeys(row.split for row in rows):
        yield from table(split, [row for row in rows if row.split == split], scores)
    yield from differences(scores)
    yield from against_floors(rows, scores)
    yield from not_run_lines(not_run)


def not_run_lines(not_run: list[NotRun]) -> Iterator[str]:
    yield "## Not run\n"
    yield from [f"- {each.what}: {each.why}" for each in not_run] or ["Nothing."]


def by_group(rows: Iterable[Row]) -> Scores:
    scores: Scores = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        run = RUN.match(row.features)
        if run:
            group = (run["modalities"], run["architecture"], run["location"])
            scores[row.split, row.task, row.metric][group][int(run["seed"])] = row.score
    return scores


def table(split: str, rows: list[Row], scores: Scores) -> Iterator[str]:
    tasks = list(dict.fromkeys((row.task, row.metric) for row in rows))
    yield f"\n## Split: {split}\n"
    yield "| | " + " | ".join(f"{task} ({metric})" for task, metric in tasks) + " |"
    yield "|---" * (len(tasks) + 1) + "|"
    for other in dict.fromkeys(row.features for row in rows if not RUN.match(row.features)):
        found = {row.task: f"{row.score:.3f} ± {(row.high - row.low) / 2:.3f}" for row in rows if row.features == other}
        yield f"| *{other}* | " + " | ".join(found.get(task, "") for task, _ in tasks) + " |"
    for group in sorted({group for task in tasks for group in scores[split, *task]}, key=_order):
        cells = [_mean([*scores[split, *task].get(group, {}).values()]) for task in tasks]
        yield f"| {', '.join(group)} | " + " | ".join(cells) + " |"


def differences(scores: Scores) -> Iterator[str]:
    """Both modalities minus one, and each architecture minus imagebind: paired by everything else and by seed.

    Architectures are compared where there are two modalities: with one, cyclic and imagebind are the same training. Therefore some
    differences to one modality share their reference, and their interval is a little too narrow.
    """
    pairs = [("both minus articles", 0, "articles+tiles", "articles"), ("both minus tiles", 0, "articles+tiles", "tiles")]
    pairs += [(f"{name} minus imagebind", 1, name, "imagebind") for name in ("cyclic", "fused")]
    yield "\n## What helps: mean difference and its 95 % interval, paired\n"
    yield "| split | task | " + " | ".join(title for title, *_ in pairs) + " |"
    yield "|---|---" + "|---" * len(pairs) + "|"
    for (split, task, _), groups in scores.items():
        cells = [_difference(np.array(list(_paired(groups, place, more, less)))) for _, place, more, less in pairs]
        yield f"| {split} | {task} | " + " | ".join(cells) + " |"


def against_floors(rows: list[Row], scores: Scores) -> Iterator[str]:
    """The best of our groups (mean over seeds) against the best floor, which readers should check first."""
    yield "\n## Best of ours against the best floor\n"
    yield "| split | task | best floor | best of ours | ours minus floor |"
    yield "|---|---|---|---|---|"
    for (split, task, _), groups in scores.items():
        floors = [row for row in rows if (row.split, row.task) == (split, task) and not RUN.match(row.features)]
        floor = max((row for row in floors if row.features != "geoclip"), key=lambda row: row.score)
        group, mean = max(((group, float(np.mean([*seeds.values()]))) for group, seeds in groups.items()), key=lambda each: each[1])
        cells = f"{floor.features} {floor.score:.3f} | {', '.join(group)} {mean:.3f} | {mean - floor.score:+.3f}"
        yield f"| {split} | {task} | {cells} |"


def _paired(groups: dict[Group, dict[int, float]], place: int, more: str, less: str) -> Iterator[float]:
    """Differences of the seeds that both have, for every group that differs from another only at this position."""
    for group, seeds in groups.items():
        if group[place] == more and group[0] == MODALITIES[-1]:
            other = groups.get((*group[:place], less, *group[place + 1 :]), {})  # type: ignore[arg-type]
            yield from (score - other[seed] for seed, score in seeds.items() if seed in other)


def _difference(values: npt.NDArray[np.float64]) -> str:
    return f"{values.mean():+.3f} ± {interval(values):.3f} ({len(values)})" if len(values) > 1 else ""


def _mean(values: list[float]) -> str:
    if not values:
        return ""
    return f"{np.mean(values):.3f}" + (f" ± {interval(np.array(values)):.3f}" if len(values) > 1 else "")


def _order(group: Group) -> tuple[int, str, str]:
    return (MODALITIES.index(group[0]) if group[0] in MODALITIES else len(MODALITIES), *group[1:])


if __name__ == "__main__":
    main()
