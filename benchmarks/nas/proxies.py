"""Every training-free proxy of many cells, a line of a CSV file per cell, resumable at any of them."""

import csv
import os
import time
from pathlib import Path

COLUMNS = ("candidate", "seconds")


def compute(cells: list[str], out: Path, target_name: str, without: list[str]) -> None:
    """Append the proxies of those cells that the file lacks, all but some, on one batch of the target's training images."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import ncap
    from ncap import framework, scores, targets
    from ncap.scores import SCORES

    proxies = [name for name in scores.names() if SCORES.get(name).needs == "network" and name not in without]
    names = ["parameters", "multiply_adds", *proxies]
    done = known(out)
    if done and (kept := _heading(out)) != [*COLUMNS, *names]:
        raise ValueError(
            f"{out} holds the columns {', '.join(kept)}; go on with the same --without, or in another file"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    target = targets.load(target_name)
    with out.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not done:
            writer.writerow([*COLUMNS, *names])
        for place, cell in enumerate(cells):
            if cell in done:
                continue
            begun = time.process_time()
            table = ncap.score(cell, target, names).set_index("score")
            seconds = round(time.process_time() - begun, 1)
            writer.writerow([cell, seconds, *(f"{table.loc[name, 'value']:.9g}" for name in names)])
            file.flush()
            print(f"{place + 1} of {len(cells)}: {seconds} s of processor time", flush=True)
            framework.clear_session()


def _heading(out: Path) -> list[str]:
    with out.open(newline="") as file:
        return next(csv.reader(file))


def known(out: Path) -> set[str]:
    """The cells that a file has."""
    if not out.exists() or not out.stat().st_size:
        return set()
    with out.open(newline="") as file:
        return {row["candidate"] for row in csv.DictReader(file)}
