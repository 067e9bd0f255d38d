"""Execute the notebook reference/tour.py and render it to one self-contained HTML page.

python reference/tour_page.py build/tour.html
"""

import os
import re
import sys
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from traitlets.config import Config

NOTEBOOK, TEMPLATE = (Path(__file__).with_name(name) for name in ("tour.py", "tour_page.html.j2"))
DRAWS, SVG = "plt.show()", "image/svg+xml"
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
FIGURES = "--InlineBackend.figure_formats=svg"  # sharp at any size
NO_HISTORY = "--HistoryManager.enabled=False"  # keep the tour out of the user's IPython history


class TourExporter(HTMLExporter):
    """Renders the notebook with our own template: no scripts, and formulas in MathML, which browsers draw themselves."""

    @pass_context
    def markdown2html(self, context, source):
        return super().markdown2html(context, FORMULA.sub(_mathml, source))


def _mathml(formula):
    displayed, inline = formula.groups()
    return convert(displayed or inline, display="block" if displayed else "inline")


def drawn_twice(notebook):
    """The notebook with each drawing once more in the layout of a phone, which `canvas` in the tour chooses by PHONE."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if DRAWS in cell.source:
            again = deepcopy(cell)
            again.source = f"PHONE = True\n{cell.source}\nPHONE = False"
            again.metadata["for_phones"] = True
            cells.append(again)
    notebook.cells = cells
    return notebook


def drawn_once(notebook):
    """The notebook without the second drawings, which the outputs of the first then hold beside their own."""
    kept = []
    for cell in notebook.cells:
        if not cell.metadata.get("for_phones"):
            kept.append(cell)
            continue
        pictures = [[output for output in one.outputs if SVG in output.get("data", {})] for one in (kept[-1], cell)]
        for output, narrow in zip(*pictures, strict=True):
            output.metadata["phone"] = narrow.data[SVG]
    notebook.cells = kept
    return notebook


def executed(path):
    """The notebook at `path` with its outputs. Raises CellExecutionError if a cell raises."""
    # The kernel inherits these. Matrices this small gain nothing from threads, which would only spin while they wait.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with TemporaryDirectory() as folder:
        sockets = {"transport": "ipc", "ip": str(Path(folder, "kernel"))}  # files: nothing listens on the network
        client = NotebookClient(
            drawn_twice(jupytext.read(path)),
            kernel_name="python3",
            extra_arguments=[FIGURES, NO_HISTORY],
            config=Config({"KernelManager": sockets}),
            resources={"metadata": {"path": path.parent}},  # the cells run here, so that they can import line_graph
            timeout=300,
        )
        return drawn_once(client.execute())


def rendered(notebook):
    """The HTML page of an executed notebook."""
    exporter = TourExporter(template_file=str(TEMPLATE), exclude_anchor_links=True)
    return exporter.from_notebook_node(notebook)[0]


def main(page, notebook=NOTEBOOK):
    """Execute the notebook, render it and write the page."""
    html = rendered(executed(Path(notebook)))
    Path(page).parent.mkdir(parents=True, exist_ok=True)
    Path(page).write_text(html, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
