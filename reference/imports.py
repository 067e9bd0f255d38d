"""Draw reference/imports.png: which module of ncap imports which; dashed where only a function does, on its first call.

python reference/imports.py
"""

import ast
from pathlib import Path
from textwrap import fill

import grimp
import networkx as nx
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

import ncap

# Band -> the modules in it, from left to right; what is in none of them runs the others and stands above them all.
BANDS = {
    "the oracle": ("reference",),
    "measures": ("measure",),
    "trains": ("job", "targets", "candidates", "scores", "training", "engines"),
    "records": ("records",),
    "reads records": ("rules", "ranking", "report"),
}
COLOURS = dict(zip((*BANDS, "runs"), ("#0072b2", "#cc79a7", "#d55e00", "#56a0d3", "#009e73", "#5f6b76"), strict=True))
# Small, and imported by several others: arrows to them would hide the rest.
SHARED = (
    *("arguments", "balance", "files", "folders", "framework", "hdf5", "heads", "interrupt"),
    *("metrics", "presets", "published", "reasons", "registry", "terminal"),
)
WIDTHS = dict(zip(BANDS, (1.6, 1.6, 3.6, 1.6, 1.9), strict=True))


def import_graph():
    """An edge from each module to every one it imports, packages taken as one; `lazy` where only functions import it."""
    package = grimp.build_graph("ncap", exclude_type_checking_imports=True)
    for module in sorted(package.modules):
        if module.count(".") == 1 and package.find_children(module):
            package.squash_module(module)
    graph = nx.DiGraph()
    drawn = {module for module in package.modules - {"ncap"} if module.removeprefix("ncap.") not in SHARED}
    for importer in sorted(drawn):
        graph.add_node(importer.removeprefix("ncap."))
        for imported in sorted(package.find_modules_directly_imported_by(importer) & drawn - {importer}):
            graph.add_edge(importer.removeprefix("ncap."), imported.removeprefix("ncap."))
    for importer, imported in graph.edges:
        graph.edges[importer, imported]["lazy"] = imported not in at_the_top(importer)
    return graph


def at_the_top(name):
    """The modules of ncap that some file of a module imports when it is itself imported."""
    path = Path(ncap.__file__).with_name(name)
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    found = set()
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            if names == ["ncap"]:
                names = [f"ncap.{alias.name}" for alias in node.names]
            found |= {word.split(".")[1] for word in names if word and word.startswith("ncap.")}
    return found


def band(name):
    return next((band for band, names in BANDS.items() if name in names), "runs")


def edges_of_bands():
    """Left and right end of every band."""
    ends, left = {}, 0.0
    for name, width in WIDTHS.items():
        ends[name] = (left, left + width)
        left += width + 0.25
    return ends


def placed(graph):
    """Each module above all that it imports, inside its band; those that run the others above the bands."""
    ends, place = edges_of_bands(), {}
    below = graph.subgraph(name for name in graph if band(name) != "runs")
    above = graph.subgraph(name for name in graph if band(name) == "runs")
    width = max(right for _, right in ends.values())
    height = 0
    for height, row in enumerate(nx.topological_generations(below.reverse())):
        for name, (left, right) in ends.items():
            own = sorted((one for one in row if band(one) == name), key=BANDS[name].index)
            for rank, one in enumerate(own, start=1):
                aside = 0.12 * (right - left) * (1 if height % 2 else -1) if len(own) == 1 else 0.0
                place[one] = (left + (right - left) * rank / (len(own) + 1) + aside, height)
    for step, row in enumerate(nx.topological_generations(above.reverse()), start=1):
        for rank, one in enumerate(sorted(row), start=1):
            place[one] = (width * rank / (len(row) + 1), height + 0.7 + step)
    return place


def draw(graph):
    """Without the arrows that follow from others: who imports engines need not import records for all to see."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    axes = figure.add_subplot()
    place = placed(graph)
    roof = max(y for name, (_, y) in place.items() if band(name) != "runs") + 0.9
    for name, (left, right) in edges_of_bands().items():
        box = FancyBboxPatch((left, -0.85), right - left, roof + 0.35, boxstyle="round,pad=0.02,rounding_size=0.15")
        box.set(facecolor=COLOURS[name], alpha=0.1, edgecolor="none")
        axes.add_patch(box)
        axes.text(
            (left + right) / 2,
            -0.62,
            name,
            color=COLOURS[name],
            ha="center",
            va="center",
            fontsize=11,
            weight="bold",
        )
    boxes = {}
    for name, (x, y) in place.items():
        look = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": COLOURS[band(name)], "linewidth": 1.6}
        boxes[name] = axes.text(x, y, name, ha="center", va="center", fontsize=10, bbox=look, zorder=4).get_bbox_patch()
    for importer, imported in sorted(nx.transitive_reduction(graph).edges):
        style = {
            "arrowstyle": "-|>",
            "patchA": boxes[importer],
            "patchB": boxes[imported],
            "color": "#7a7f85",
            "linewidth": 1.1,
        }
        dashed = "--" if graph.edges[importer, imported]["lazy"] else "-"
        bend = {"connectionstyle": "arc3,rad=0.06"}
        axes.annotate("", place[imported], place[importer], arrowprops=style | bend | {"linestyle": dashed}, zorder=3)
    shared = fill(f"Not drawn, because they are small and shared: {', '.join(sorted(SHARED))}.", 140)
    note = f"{shared}\nDashed: imported on the first call."
    axes.text(0.0, -1.1, note, fontsize=9, color="#5f6b76", va="top")
    right = max(right for _, right in edges_of_bands().values())
    axes.set(xlim=(-0.1, right + 0.1), ylim=(-1.9, max(y for _, y in place.values()) + 0.5))
    axes.set_axis_off()
    return figure


if __name__ == "__main__":
    draw(import_graph()).savefig(Path(__file__).with_suffix(".png"), dpi=110)
