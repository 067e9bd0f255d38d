"""A look at every file of a folder before anything trains: what it is, whether it is whole, and the hash of its bytes.

Only decoding a file to the end tells whether it is damaged, so that is done, by several threads; what was found is kept in the cache, by
path, size and time of change, and a second start takes a look at these alone.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import PIL

from ncap.folders import cache_folder
from ncap.targets.decoding import RULES, DamagedError, decode
from ncap.targets.threads import processors

_VERSION = f"{RULES} {PIL.__version__}"  # what another Pillow reads, this one may not
_AT_A_TIME = 16  # files in a piece of work: a queue of single small files costs more than decoding them
_MANY = 1000  # files from which on progress is shown, on a terminal


class Facts(NamedTuple):
    """What was found out about a file: its bytes' size, time of change (ns) and SHA-256; height, width, channels (0 if it is damaged) of
    its picture; what had to be done to read it, as words of `decoding.SAID`; and why it cannot be read, "" if it can."""

    size: int
    changed: int
    digest: str
    height: int = 0
    width: int = 0
    channels: int = 0
    done: tuple[str, ...] = ()
    damage: str = ""


def read_unchanged(path: str, facts: Facts) -> bytes:
    """The bytes of a file that was inspected; ValueError where it has changed since, or has gone."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  once per image: quicker than a Path
            data = file.read()
            state = os.fstat(file.fileno())
    except OSError as error:
        why = f"was there when the job began, and cannot be read now ({error.strerror})"
        raise ValueError(f"{path}: {why}; start again") from None  # TensorFlow would tell the first error of a chain
    if (state.st_size, state.st_mtime_ns, len(data)) != (facts.size, facts.changed, facts.size):
        raise ValueError(
            f"{path}: has changed since the job began; start again, so that all is trained on the same pictures"
        )
    return data


def inspect_file(path: str) -> Facts:
    """Read and decode one file."""
    size = changed = 0
    digest = ""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            state = os.fstat(file.fileno())
            size, changed = state.st_size, state.st_mtime_ns
            data = file.read()
        digest = hashlib.sha256(data).hexdigest()
        pixels, done = decode(data, path)
    except DamagedError as error:
        return Facts(size, changed, digest, damage=str(error))
    except OSError as error:
        return Facts(size, changed, digest, damage=f"it cannot be opened ({error.strerror})")
    return Facts(size, changed, digest, pixels.shape[0], pixels.shape[1], pixels.shape[2], done)


def inspect(folder: Path, paths: Sequence[str]) -> dict[str, Facts]:
    """The facts of the files at `paths` below the folder; those that the cache knows and that have not changed are not opened."""
    store = (
        cache_folder()
        / "folders"
        / f"{hashlib.sha256(str(folder.resolve()).encode(errors='surrogateescape')).hexdigest()[:16]}.json"
    )
    known = _load(store)
    facts = {path: known[path] for path in paths if path in known and _is_unchanged(folder / path, known[path])}
    missing = [path for path in paths if path not in facts]
    if missing:
        try:
            for path, found in zip(missing, _inspected(folder, missing), strict=False):
                facts[path] = found
        finally:  # what an interrupted look has found is not looked for again
            _save(store, known | facts)
    return facts


def _inspected(folder: Path, paths: Sequence[str]) -> Iterable[Facts]:
    """The facts of each file, in order; a few pieces of work at a time, so that Ctrl-C need not wait for the rest."""
    pieces = [paths[start : start + _AT_A_TIME] for start in range(0, len(paths), _AT_A_TIME)]

    def work(piece: Sequence[str]) -> list[Facts]:
        return [inspect_file(os.path.join(folder, path)) for path in piece]  # noqa: PTH118

    with ThreadPoolExecutor(processors()) as pool, _Progress(len(paths)) as progress:
        waiting = iter(pieces)
        running = [pool.submit(work, piece) for piece in islice(waiting, 4 * processors())]
        while running:
            found = running.pop(0).result()
            running += [pool.submit(work, piece) for piece in islice(waiting, 1)]
            progress.advance(len(found))
            yield from found


class _Progress:
    """A bar on the terminal for a look that takes a while."""

    def __init__(self, total: int) -> None:
        from rich.progress import Progress

        shown = total >= _MANY and sys.stderr.isatty()
        from rich.console import Console

        self._bar = Progress(console=Console(stderr=True), transient=True, disable=not shown)
        self._task = self._bar.add_task("looking at the images", total=total)

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._bar.advance(self._task, count)


def _is_unchanged(path: Path, facts: Facts) -> bool:
    try:
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (facts.size, facts.changed)


def _load(store: Path) -> dict[str, Facts]:
    """What the cache has; nothing where it is missing, damaged, or written by another version."""
    try:
        kept = json.loads(store.read_text(encoding="utf-8"))
        return {path: _facts(line) for path, line in kept["files"].items()} if kept["version"] == _VERSION else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _facts(line: list[Any]) -> Facts:
    size, changed, digest, height, width, channels, done, damage = line
    numbers = (size, changed, height, width, channels)
    if (
        not all(isinstance(number, int) for number in numbers)
        or not isinstance(digest, str)
        or not isinstance(damage, str)
    ):
        raise ValueError
    return Facts(size, changed, digest, height, width, channels, tuple(map(str, done)), damage)


def _save(store: Path, facts: dict[str, Facts]) -> None:
    """Write the cache and rename it into place; where that cannot be done, the next start looks at the files again."""
    with suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        written = store.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps({"version": _VERSION, "files": facts}), encoding="utf-8")
        written.replace(store)
