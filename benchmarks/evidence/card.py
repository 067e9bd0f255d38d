"""The data card of the table, written from the table itself."""

from typing import Any

import pandas as pd

from ncap.records.benchmark import FINALS, JOBS, TRUTH, Benchmark
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, SCORES

_HEAD = """# The tabular benchmark: data card

Written by `python -m benchmarks.evidence.collect`; do not edit. Read it with `ncap.load_benchmark()`, which checks every file:

    import ncap
    benchmark = ncap.load_benchmark(tier="small", probe="trained", role="development")
    ncap.compare(benchmark.records, benchmark.truth, ["last_seen", "capacitance"], ticks=[1, 3, 5])

**What it is.** Training curves, readings of beta_eff, scores and final accuracies of pre-trained networks on image classification targets,
tick by tick: four ticks in the first epoch, then one. How they were trained stands in `protocol.toml`, whose hash is in the table jobs.

**Where the data comes from.** CIFAR-10 and CIFAR-100 (Krizhevsky 2009; terms not stated), Fashion-MNIST (MIT), CUB-200-2011 birds
(non-commercial research), flowers (photographs of mixed ownership), Chars74K letters (terms not stated), SVHN (non-commercial), 15 classes
of Tiny-ImageNet (ImageNet's research terms). The table holds numbers that were measured on these images and no image.

**What it cannot tell.** The targets are small: a validation accuracy of 1,000 images has a standard error of up to 1.6 points, of 167
images 3.9 points; the test parts have 160 to 3,000 images. Every run of a target shares its split, so that runs differ by probe, order and
dropout alone. Sub-targets of one parent share images and classes. Networks of the small tier have at most 271,000 parameters and were all
pre-trained on the same 35 classes. Seconds of training and of readings are seconds of one core of the processor.
Test accuracies exist for the last three epochs only, and no rule may read them.

**Stored as** float32; standard errors, cancellations and seconds with three digits. A reading that is not defined is NaN or 0, with its
reason.
"""


def written(benchmark: Benchmark, parts: list[dict[str, Any]]) -> str:
    """The whole card."""
    sections = [_HEAD, f"## Which trainings exist\n\n{_counts(benchmark)}"]
    if len(benchmark.failures):
        sections.append(f"## Failed trainings\n\n{_failures(benchmark.failures)}")
    sections += [
        f"## {table.name}: {table.meaning}\n\n{_columns(table)}"
        for table in (OBSERVATIONS, READINGS, SCORES, FAILURES, JOBS)
    ]
    sections += [
        f"## {table.name}: {table.meaning}\n\nDerived when the table is loaded.\n\n{_columns(table)}"
        for table in (TRUTH, FINALS)
    ]
    hashes = ", ".join(dict.fromkeys(part["protocol"] for part in parts))
    sections.append(f"## Files\n\nCollected under the protocol {hashes}.\n\n{_files(parts)}")
    return "\n".join(section.rstrip("\n") + "\n" for section in sections)


def _counts(benchmark: Benchmark) -> str:
    """Complete trainings per tier, probe and parent of targets."""
    runs = benchmark.finals.merge(benchmark.jobs, on=["settings", "target"], suffixes=("", "_planned"))
    groups = runs.groupby(["tier", "probe", "role", "parent"], sort=True)
    rows = groups.agg(
        targets=("target", "nunique"),
        candidates=("candidate", "nunique"),
        runs=("run", "nunique"),
        trainings=("run", "size"),
    )
    return markdown_table(rows.reset_index())


def _failures(failures: pd.DataFrame) -> str:
    rows = failures.groupby(["target", "candidate", "reason"], sort=True).size().rename("trainings").reset_index()
    return markdown_table(rows.assign(reason=rows["reason"].str.slice(0, 80)))


def _columns(table: Any) -> str:
    return markdown_table(
        pd.DataFrame([(f"`{c.name}`", c.unit, c.meaning) for c in table.columns], columns=["column", "unit", "meaning"])
    )


def _files(parts: list[dict[str, Any]]) -> str:
    return markdown_table(
        pd.DataFrame(parts)[["file", "rows", "sha256"]].assign(sha256=[part["sha256"][:16] for part in parts])
    )


def markdown_table(rows: pd.DataFrame) -> str:
    """As a Markdown table; bars in a text are escaped."""
    lines = [list(rows.columns), ["---"] * len(rows.columns), *rows.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"
