"""Build the page of the evidence from the stored tables: README.md, tables/ and figures/.

    make evidence                                              # python -m benchmarks.evidence.page
    python -m benchmarks.evidence.page --held-out build/held-out

Nothing is trained, and of the slow predictions none is made: `make evidence-slow` keeps them. The same tables give the same bytes. The
held-out targets are never among those that are built by default; --held-out builds their tables and figures, without the answer, in a
folder outside the page: once, when every choice has been made.
"""

import argparse
import shutil
import sys
from pathlib import Path

import pandas as pd

from benchmarks.evidence import answer
from benchmarks.evidence.card import markdown_table
from benchmarks.evidence.evidence import TABLE, Evidence
from benchmarks.evidence.exhibits import EXHIBITS
from benchmarks.evidence.exhibits.contract import Exhibit, rounded
from ncap.records.parts import parts

FOLDER = Path(__file__).parent
LONG = 24  # rows, from which a table is folded away
FEET = """## How it was made

`make evidence` builds this page from `table/` and `predictions/`, and changes no byte where these have not changed; `make evidence-slow`
makes predictions that are missing. The words of the answer are `answer.md`; every number in them is taken from the tables by
`answer.toml`, which also holds the comparisons that the words rely on, and the build fails where one no longer holds. A rule is added as
one file and one line in `ncap/rules`, an exhibit likewise in `exhibits/`. [RUNS.md](RUNS.md) says how the trainings were made,
[protocol.toml](protocol.toml) what was fixed before, [table/README.md](table/README.md) what the table holds.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--held-out", type=Path, metavar="FOLDER", help="tables and figures of the held-out targets, once"
    )
    parser.add_argument("--processes", type=int, default=2, help="that share the races")
    options = parser.parse_args()
    processes = options.processes
    try:
        if options.held_out is not None:
            print("held-out targets: no rule, reading or default may be chosen by what follows", file=sys.stderr)
            exhibits(Evidence.load(role="held_out", processes=processes), options.held_out)
        else:
            build(
                Evidence.load(processes=processes),
                FOLDER,
                (answer.TEXT.read_text(encoding="utf-8"), answer.VALUES.read_text(encoding="utf-8")),
            )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def build(evidence: Evidence, folder: Path, words: tuple[str, str], table: Path = TABLE) -> None:
    """Tables, figures, and the page that begins with the answer; `words` are its text and where its numbers stand."""
    tables = exhibits(evidence, folder)
    sections = ["<!-- Built by `make evidence`; do not edit. The words are in answer.md. -->\n"]
    sections += [answer.written(*words, tables)]
    sections += [f"## The tables\n\n{_origin(table)}"]
    sections += [section(EXHIBITS.get(name), rows, folder) for name, rows in tables.items()]
    page = "\n".join(part.rstrip("\n") + "\n" for part in (*sections, FEET))
    (folder / "README.md").write_text(page, encoding="utf-8")


def exhibits(evidence: Evidence, folder: Path) -> dict[str, pd.DataFrame]:
    """Write every exhibit's table and figure, and take away those that are no longer made; the tables by name, as the files have them."""
    for kind in ("tables", "figures"):
        shutil.rmtree(folder / kind, ignore_errors=True)
        (folder / kind).mkdir(parents=True)
    made = {}
    for name, exhibit in EXHIBITS.members().items():
        rows = made[name] = rounded(exhibit.table(evidence))
        rows.to_csv(folder / "tables" / f"{name}.csv", index=False, lineterminator="\n")
        _draw(exhibit, rows, folder / "figures" / f"{name}.png")
    return made


def _draw(exhibit: Exhibit, rows: pd.DataFrame, file: Path) -> None:
    from ncap.report.figures import canvas

    with canvas.style():
        figure = exhibit.draw(rows) if exhibit.draw is not None else None
        if figure is not None:
            file.write_bytes(canvas.png(figure))


def section(exhibit: Exhibit, rows: pd.DataFrame, folder: Path) -> str:
    """Heading, caption, figure, and what is shown of the table; a long one is folded away."""
    lines = [f"### {exhibit.heading}", exhibit.caption]
    if (folder / "figures" / f"{exhibit.name}.png").exists():
        lines.append(f"![{exhibit.heading}](figures/{exhibit.name}.png)")
    shown = exhibit.shown(rows) if exhibit.shown is not None else rows.iloc[:0]
    if len(shown):
        text = markdown_table(_printed(shown)).rstrip("\n")
        if len(shown) > LONG:
            text = f"<details><summary>{len(shown)} rows</summary>\n\n{text}\n\n</details>"
        lines.append(text)
    file = f"[tables/{exhibit.name}.csv](tables/{exhibit.name}.csv), {len(rows)} rows"
    lines.append(f"All of it: {file}." if len(rows) else "There is none in the table so far.")
    return "\n\n".join(lines) + "\n"


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    """Numbers as short texts, and nothing for NaN."""
    cells = {
        name: [
            ("" if pd.isna(cell) else f"{cell:.3g}" if isinstance(cell, float) else str(cell)) for cell in rows[name]
        ]
        for name in rows.columns
    }
    return pd.DataFrame(cells).rename(columns=lambda name: str(name).rstrip("_").replace("_", " "))


def _origin(table: Path) -> str:
    hashes = ", ".join(dict.fromkeys(part["protocol"] for part in parts(table)))
    return (
        f"Development targets alone, under the protocol {hashes}. Beside every number stand the candidates, targets and runs that it is "
        "of; brackets are 95 % bootstrap intervals over candidates and runs, targets fixed. A rule sees one run at a time, with four ticks "
        "in the first epoch, unless a table says another; the truth is the mean test accuracy of the last three epochs and of the runs."
    )


if __name__ == "__main__":
    sys.exit(main())
