"""Draw reference/imports.png: which module of ncap imports which; dashed where only a function does, on its first call.

python reference/imports.py
"""

import ast
from pathlib import Path

import grimp
import networkx as nx
from matplotlib.figure import Figure

import ncap

# What is right of the table of observations needs neither a framework nor the rest.
TABLE = {"records", "rules", "ranking", "report", "store"}
COLOURS = {
    "the oracle": "#0072b2",
    "the table of observations": "#009e73",
    "with Keras": "#d55e00",
    "commands, and what all share": "#7f7f7f",
}


def import_graph():
    """An edge from each module to every one it imports, packages taken as one; `lazy` where only functions import it."""
    package = grimp.build_graph("ncap", exclude_type_checking_imports=True)
    for module in sorted(package.modules):
        if module.count(".") == 1 and package.find_children(module):
            package.squash_module(module)
    graph = nx.DiGraph()
    for importer in sorted(package.modules - {"ncap"}):
        for imported in sorted(package.find_modules_directly_imported_by(importer) - {"ncap", importer}):
            graph.add_edge(importer.removeprefix("ncap."), imported.removeprefix("ncap."))
        graph.add_node(importer.removeprefix("ncap."))
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


def kind(name):
    if name == "reference":
        return "the oracle"
    if name in TABLE:
        return "the table of observations"
    return (
        "commands, and what all share"
        if name in {"cli", "terminal", "demo", "cost", "published", "arguments", "interrupt"}
        else "with Keras"
    )


def placed(graph):
    """Each module above all that it imports, in the column of its kind; rows step aside so that arrows can pass."""
    place, columns = {}, dict(zip(COLOURS, (0.0, 5.2, 2.2, 3.6), strict=True))
    for height, row in enumerate(nx.topological_generations(graph.reverse())):
        for column in COLOURS:
            names = sorted(name for name in row if kind(name) == column)
            for rank, name in enumerate(names):
                aside = 0.16 if height % 2 else -0.16
                place[name] = (columns[column] + aside + 0.55 * (rank - (len(names) - 1) / 2), height)
    return place


def draw(graph):
    """Without the arrows that follow from others: who imports engines need not import store for all to see."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.add_subplot()
    place = placed(graph)
    boxes = {}
    for name, (x, y) in place.items():
        look = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": COLOURS[kind(name)], "linewidth": 1.6}
        boxes[name] = axes.text(x, y, name, ha="center", va="center", fontsize=10, bbox=look).get_bbox_patch()
    for importer, imported in nx.transitive_reduction(graph).edges:
        style = {"arrowstyle": "-|>", "patchA": boxes[importer], "patchB": boxes[imported], "color": "#707070"}
        dashed = "--" if graph.edges[importer, imported]["lazy"] else "-"
        axes.annotate("", place[imported], place[importer], arrowprops=style | {"linestyle": dashed})
    top = max(y for _, y in place.values()) + 0.8
    for label, x in zip(COLOURS, (0.0, 5.2, 2.2, 3.6), strict=True):
        axes.text(x, top, label, color=COLOURS[label], ha="center", fontsize=11)
    axes.set(xlim=(-0.5, 6.4), ylim=(-0.6, top + 0.3))
    axes.set_axis_off()
    return figure


if __name__ == "__main__":
    draw(import_graph()).savefig(Path(__file__).with_suffix(".png"), dpi=110)
