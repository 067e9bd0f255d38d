"""Mutation testing: small faults are put into the code, one at a time, and the tests should notice each (`make mutation`).

Cosmic Ray makes the mutants and keeps the results, one session per module under build/mutation/: an interrupted run goes
on where it stopped, and a module is tested anew when it, its tests, their helpers or this file changes. The tests run in
forks of this process, which has imported numpy, numba, pandas, ... already: several times faster than an interpreter per
mutant. Every worker mutates a copy of the tree of its own.

    python tests/mutation/run.py [--workers 2] [module ...]       # modules as in MODULES; all by default

The exit code is 1 when fewer than 90 % of a module's mutants are killed. survivors.toml lists with their reasons those
that are not; a survivor that is missing there, and an entry that does not survive, are printed.
"""

import argparse
import ast
import contextlib
import gc
import hashlib
import itertools
import os
import re
import resource
import shutil
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection, get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmic_ray.work_db import WorkDB

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "mutation"
GOAL = 0.9
MEMORY = 8 << 30  # bytes of address space for one run: a fault may ask for any amount

_ORACLE = [f"tests/reference/test_{name}.py" for name in ("ladder", "verdict", "theorems", "bounds")]
_ARGUMENTS = "tests/reference/test_bad_arguments.py"
_CONVOLUTION, _NETWORK = "tests/reference/test_convolution.py", "tests/reference/test_network.py"
# Module -> the tests that should kill its mutants, quick killers first; its own doctests come before them.
MODULES = {
    "reference/arguments": [_ARGUMENTS, "tests/reference/test_mlp.py"],
    "reference/dynamics/neurons": ["tests/reference/test_dynamics.py", _ARGUMENTS],
    "reference/dynamics/reduction": ["tests/reference/test_reduction.py", _ARGUMENTS],
    "reference/dynamics/solver": ["tests/reference/test_dynamics.py", _ARGUMENTS],
    "reference/dynamics/systems": ["tests/reference/test_reduction.py", _ARGUMENTS],
    "reference/dynamics/trajectory": ["tests/reference/test_dynamics.py", _ARGUMENTS],
    "reference/dynamics/weights": ["tests/reference/test_dynamics.py", _ARGUMENTS],
    "reference/interaction/closed_form": [*_ORACLE, _CONVOLUTION, _ARGUMENTS],
    "reference/interaction/graph": ["tests/reference/test_graph.py", _ARGUMENTS],
    "reference/interaction/interchange": ["tests/reference/test_graph.py", _ARGUMENTS],
    "reference/interaction/linear_operator": [_CONVOLUTION, _ARGUMENTS],
    "reference/interaction/matrix": [*_ORACLE, "tests/reference/test_graph.py", _CONVOLUTION, _ARGUMENTS],
    "reference/kernels": _ORACLE,
    "reference/loss": ["tests/reference/test_mlp.py", _ARGUMENTS, *_ORACLE],
    "reference/mlp/backpropagation": ["tests/reference/test_mlp.py", _ARGUMENTS, *_ORACLE],
    "reference/mlp/blocks": _ORACLE,
    "reference/mlp/closed_form": [*_ORACLE, _ARGUMENTS],
    "reference/mlp/gradient_form": _ORACLE,
    "reference/mlp/hessian": _ORACLE,
    "reference/mlp/perceptron": ["tests/reference/test_mlp.py", _ARGUMENTS, *_ORACLE],
    "reference/network/links": [_NETWORK, _ARGUMENTS],
    "reference/network/perturbation": ["tests/reference/test_perturbation.py", _NETWORK, _ARGUMENTS],
    "reference/network/resilience": ["tests/reference/test_resilience.py", _ARGUMENTS],
    "reference/rounding": ["tests/reference/test_rounding.py"],
    "reference/shared_weights/closed_form": [_CONVOLUTION],
    "reference/shared_weights/cnn": [_CONVOLUTION, _ARGUMENTS],
    "reference/shared_weights/connections": [_CONVOLUTION],
    "reference/shared_weights/convolution": [_CONVOLUTION, _ARGUMENTS],
    "reference/shared_weights/junction": [_CONVOLUTION, _ARGUMENTS],
    "reference/shared_weights/pooling": [_CONVOLUTION, _ARGUMENTS],
    "reference/shared_weights/window": [_CONVOLUTION, "tests/reference/test_graph.py"],
    "reference/sums": [_CONVOLUTION, *_ORACLE],
    "reference/verdict": ["tests/reference/test_verdict.py", "tests/reference/test_resilience.py", _ARGUMENTS],
    "rules/regression": ["tests/rules/test_regression.py"],
    "ranking/agreement": ["tests/ranking/test_agreement.py"],
    "ranking/bootstrap": ["tests/ranking/test_rules_compared.py"],
    "ranking/curves": ["tests/ranking/test_order.py"],
    "ranking/order": ["tests/ranking/test_order.py"],
    "ranking/prediction": ["tests/ranking/test_order.py", "tests/ranking/test_prediction.py"],
    "records/store": ["tests/records/test_store.py"],
    "records/migrations": ["tests/records/test_migrations.py"],
    "records/tables": ["tests/records/test_tables.py"],
}
# Tests of seconds, most because they import Keras: for the mutants that have survived the quick ones.
SLOW = {
    "reference/kernels": ["tests/reference/test_import.py", "-k", "no_cache"],
    "rules/regression": ["tests/test_bad_input.py", "-k", "redict"],
    "ranking/agreement": ["tests/test_bad_input.py", "-k", "spearman or regret"],
    "store": ["tests/test_disk.py", "-k", "not quota and not fills_up"],
}

# Of Cosmic Ray's operators those that make a mistake which somebody could make. Left out: `<<`, `^`, `//` and the like
# for + - * / (a TypeError on arrays of floats, killed whatever the tests say), `is` for == (the same for small numbers),
# and <= or >= for == (names and shapes have no order). It has none for +=, arguments left out, or text such as SQL.
OPERATORS = re.compile(
    r"core/("
    r"ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Mul_Add|Div_Mul|Pow_Mul|Mod_Mul|BitOr_BitAnd)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)"
    r"|ReplaceComparisonOperator_(Lt_(LtE|NotEq|GtE)|Gt_(GtE|NotEq|LtE)|LtE_(Lt|Eq|Gt)|GtE_(Gt|Eq|Lt))"
    r"|ReplaceUnaryOperator_(USub_UAdd|Delete_Not|Delete_Invert)"
    r"|Replace(True|False|And|Or|Break|Continue)With\w+"
    r"|AddNot|ExceptionReplacer|NumberReplacer|RemoveDecorator|ZeroIterationForLoop)"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--workers", type=int, default=2, help="processes that test at the same time (default 2)")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(MODULES):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    import_what_every_fork_needs()
    tree = copy_of(ROOT, "tree")  # so that the project can be worked on meanwhile
    workers = [copy_of(tree, f"worker-{i}") for i in range(arguments.workers)]
    os.chdir(tree)
    results = {module: outcomes_of(module, workers) for module in arguments.modules or MODULES}
    return report(results)


def import_what_every_fork_needs() -> None:
    """Everything but ncap and the tests, which are mutated; one thread each, because the workers share the cores."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NCAP_HYPOTHESIS": "mutation"}
    for name in ("hypothesis.extra.numpy", "networkx", "numba", "pandas", "pytest", "scipy.sparse", "scipy.stats"):
        import_module(name)
    import_module("sklearn.utils.estimator_checks")
    gc.freeze()  # pytest collects garbage several times a run, among all of these


def copy_of(source: Path, name: str) -> Path:
    tree = WORK / name
    shutil.rmtree(tree, ignore_errors=True)
    for part in ("ncap", "tests"):
        shutil.copytree(source / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", "mutation"))
    shutil.copy2(source / "pyproject.toml", tree)
    return tree


@dataclass(frozen=True)
class Mutant:
    """One fault: its name, `module function: code with {before => after}`, and the text of the module with it."""

    job: str
    name: str
    code: str


def outcomes_of(module: str, workers: list[Path]) -> dict[str, bool]:
    """Whether the tests killed it, for every mutant of a module, by its name."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

    outcome = {True: TestOutcome.KILLED, False: TestOutcome.SURVIVED}
    path = Path(f"ncap/{module}.py")
    tests = [[str(path), *MODULES[module]], SLOW.get(module, [])]
    with use_db(session_of(module, tests)) as session:
        mutants = mutants_of(module, path, session)
        done = {job: result.is_killed for job, result in session.results}
        waiting = [mutant for mutant in mutants if mutant.job not in done]
        if waiting:
            print(f"{module}: {len(waiting)} of {len(mutants)} mutants to test", flush=True)
            limit = 5 * seconds_without_a_fault(workers, tests) + 20  # the load may change
            for mutant, killed, output in tested(waiting, path, workers, tests, limit):
                done[mutant.job] = killed
                session.set_result(mutant.job, WorkResult(WorkerOutcome.NORMAL, output, outcome[killed], mutant.name))
    return {mutant.name: done[mutant.job] for mutant in mutants}


def session_of(module: str, tests: list[list[str]]) -> Path:
    """The session of the module and its tests as they are now; one of an earlier state is deleted."""
    support = sorted(path for path in Path("tests").glob("*.py") if not path.name.startswith("test_"))
    own = [Path(name) for name in itertools.chain(*tests) if name.endswith(".py")]
    content = b"".join(path.read_bytes() for path in (*own, *support, Path(__file__)))
    name = module.replace("/", ".")
    session = WORK / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}.sqlite"
    for old in WORK.glob(f"{name}-*.sqlite"):
        if old != session:
            old.unlink()
    return session


def mutants_of(module: str, path: Path, session: "WorkDB") -> list[Mutant]:
    """The mutants of a module by OPERATORS, but for those of annotations, which no test reads, and doubles."""
    from cosmic_ray.commands import init
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    if not session.num_work_items:
        init([path], session, {})
    source = path.read_text()
    annotated = annotations(source)
    codes, names = {source}, Counter()
    mutants = []
    for job, spec in sorted(
        ((item.job_id, *item.mutations) for item in session.work_items), key=lambda item: item[1].start_pos
    ):
        if OPERATORS.fullmatch(spec.operator_name) and not any(a <= spec.start_pos < b for a, b in annotated):
            code = mutate_code(source, get_operator(spec.operator_name)(), spec.occurrence)
            name = f"{' '.join(filter(None, (module, spec.definition_name)))}: {change(source, code)}"
            if code not in codes:
                codes.add(code)
                names[name] += 1
                mutants.append(Mutant(job, name if names[name] == 1 else f"{name} ({names[name]})", code))
    return mutants


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Begin and end, as (line, column), of every annotation."""
    nodes = list(ast.walk(ast.parse(source)))
    found = [node.annotation for node in nodes if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation]
    found += [node.returns for node in nodes if isinstance(node, ast.FunctionDef) and node.returns]
    return [((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)) for node in found]


def change(before: str, after: str) -> str:
    """The lines that differ, on one line, as `code {before => after} code`.

    >>> change("x = 1\\ny = a + b\\n", "x = 1\\ny = a - b\\n")
    'y = a {+ => -} b'
    """
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    old, new = (" ".join(line.strip() for line in lines) for lines in (old, new))
    head = os.path.commonprefix([old, new])  # noqa: RUF071 of characters, as meant
    head = head[: len(head) - len(re.search(r"\w*$", head)[0])]
    old, new = old[len(head) :], new[len(head) :]
    tail = os.path.commonprefix([old[::-1], new[::-1]])[::-1]  # noqa: RUF071
    tail = tail[len(re.match(r"\w*", tail)[0]) :]
    old, new = old.removesuffix(tail).strip(), new.removesuffix(tail).strip()
    return f"{head}{{{old} => {new}}}{tail}"


def seconds_without_a_fault(trees: list[Path], tests: list[list[str]]) -> float:
    """How long the tests take as they are, run in every tree: that also compiles and caches what will not be mutated."""
    start = time.monotonic()
    runs = [Run(tree, tests, cached=True) for tree in trees]
    for run in runs:
        run.process.join()
        if run.process.exitcode:
            sys.exit(f"the tests fail without a fault:\n{run.output()}")
    return time.monotonic() - start


def tested(
    mutants: list[Mutant], path: Path, trees: list[Path], tests: list[list[str]], limit: float
) -> Iterator[tuple[Mutant, bool, str]]:
    """(mutant, whether it was killed, output of pytest) as they come; more than `limit` seconds is a death, too."""
    free, waiting = list(trees), mutants[::-1]
    running: dict[int, tuple[Run, Mutant, float]] = {}
    try:
        while waiting or running:
            while waiting and free:
                mutant, tree = waiting.pop(), free.pop()
                (tree / path).write_text(mutant.code)
                run = Run(tree, tests)
                running[run.process.sentinel] = run, mutant, time.monotonic() + limit
            first = min(deadline for *_, deadline in running.values())
            ended = connection.wait(running, timeout=max(0.0, first - time.monotonic()))
            late = [sentinel for sentinel, (*_, deadline) in running.items() if deadline <= time.monotonic()]
            for sentinel in {*ended, *late}:
                run, mutant, _ = running.pop(sentinel)
                run.stop()
                shutil.copy2(path, run.tree / path)  # with its time, by which byte code and compiled kernels go
                free.append(run.tree)
                yield mutant, run.process.exitcode != 0, run.output()
    finally:
        for run, *_ in running.values():
            run.stop()


class Run:
    """pytest in a fork of this process, in a session of its own: one list of tests after the other, until one fails."""

    def __init__(self, tree: Path, tests: list[list[str]], cached: bool = False) -> None:
        self.tree, self.tests, self.cached = tree, tests, cached
        self.process = get_context("fork").Process(target=self._run)
        self.process.start()

    def _run(self) -> None:
        import pytest

        os.setsid()
        os.chdir(self.tree)
        sys.path[0] = str(self.tree)
        with Path("output.txt").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.dont_write_bytecode = not self.cached  # two mutants of one second and size would share it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        # Hypothesis has been imported already, so that pytest cannot rewrite its assertions: nothing to be warned of.
        options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        # Runs that share a folder for tmp_path, as they do by default, fail now and then when both clear it up.
        options.append(f"--basetemp={self.tree / 'tmp'}")
        for tests in filter(None, self.tests):
            if failed := pytest.main([*options, *tests]):
                sys.exit(failed)

    def stop(self) -> None:
        """End the run, with all that it started, if it has not ended."""
        if self.process.exitcode is None:
            with contextlib.suppress(ProcessLookupError):  # it may not have begun its session yet
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
        self.process.join()

    def output(self) -> str:
        return (self.tree / "output.txt").read_text(errors="replace")[-2000:]


def report(results: dict[str, dict[str, bool]]) -> int:
    """Print the share killed of every module, and where survivors.toml differs; 1 when a share is below the goal."""
    listed = {}
    for group in tomllib.loads(Path(__file__).with_name("survivors.toml").read_text())["group"]:
        listed |= dict.fromkeys(group["mutants"], group["equivalent"])
    equivalent = {name for name, is_equivalent in listed.items() if is_equivalent}
    alive = {name for mutants in results.values() for name, killed in mutants.items() if not killed}
    tested = {name for mutants in results.values() for name in mutants}
    for name in sorted(alive - set(listed)):
        print(f"survives, and is not listed: {name}")
    for name in sorted(name for name in set(listed) - alive if name.split()[0].rstrip(":") in results):
        print(f"listed, but {'killed' if name in tested else 'no mutant'}: {name}")
    print(f"\n{'':38}{'mutants':>9}{'killed':>9}{'':>8}{'equivalent':>12}{'of the others':>15}")
    shares = []
    for module, mutants in (*results.items(), ("all", {name: k for m in results.values() for name, k in m.items()})):
        killed, same = sum(mutants.values()), len(equivalent & alive & set(mutants))
        shares.append(killed / len(mutants))
        others = killed / (len(mutants) - same)
        print(f"{module:38}{len(mutants):9}{killed:9}{shares[-1]:8.1%}{same:12}{others:15.1%}")
    return int(min(shares) < GOAL)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue")
        sys.exit(130)
