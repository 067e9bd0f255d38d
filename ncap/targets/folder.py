"""Targets in folders of class folders, read from disk in the order that training asks for."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from ncap.targets.buffers import Buffers
from ncap.targets.class_folders import find, part_folders
from ncap.targets.contract import Format, Loading, Target
from ncap.targets.decoding import RULES, SAID, DamagedError, decode_for
from ncap.targets.images import OwnShape, Spans, convert, with_channels
from ncap.targets.inspection import Facts, inspect, read_unchanged
from ncap.targets.parts import missing_parts
from ncap.targets.splits import split
from ncap.targets.threads import Threads, processors

_PARTS = ("train", "val", "test")
_SHOWN = 3  # files that a message names; the rest are counted
_TOGETHER = 2**18  # values of pictures that are converted together, beyond the first
_THREADS = Threads(processors(), "ncap-decoding")
_BUFFERS = Buffers()


class Files(NamedTuple):
    """The images of a part: path below the folder, label and facts of each."""

    paths: tuple[str, ...]
    labels: np.ndarray
    facts: tuple[Facts, ...]

    def take(self, rows: np.ndarray) -> "Files":
        """Those at `rows`."""
        return Files(tuple(self.paths[row] for row in rows), self.labels[rows], tuple(self.facts[row] for row in rows))


@dataclass(frozen=True, eq=False, repr=False)
class FolderTarget(Target):
    """Images in files, each opened when a batch asks for it; see `read`.

    Attributes:
        folder: that the paths of `files` lie below.
        class_names: the class folders, sorted.
        files: of each part.
        own_shape: (h, w, c), None for a side in which the images differ.
        left_out: damaged files, by path: what is wrong with them.
    """

    name: str
    folder: Path
    class_names: tuple[str, ...] = field()  # without the default of a target whose classes have no names
    files: Mapping[str, Files]
    own_shape: OwnShape
    left_out: Mapping[str, str]

    read_ahead = 2

    @property
    def classes(self) -> int:  # type: ignore[override]
        """The number of class folders."""
        return len(self.class_names)

    @property
    def input_shape(self) -> OwnShape:
        """Height, width and channels of an image; None for a side in which they differ."""
        return self.own_shape

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that there are."""
        return tuple(part for part in _PARTS if part in self.files)

    @cached_property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of all parts: of the SHA-256 of each file's bytes, and its label.

        Names of files, classes and the folder are no part of it. The images are not read again: their hashes are known.
        """
        digest = hashlib.sha256(f"folder, decoded by rules {RULES}, {self.input_shape[2]} channels".encode())
        for part in self.parts:
            _, labels, facts = self.files[part]
            digest.update(f"{part} {len(labels)}".encode() + labels.tobytes())
            for each in facts:
                digest.update(bytes.fromhex(each.digest))
        return digest.hexdigest()[:16]

    @cached_property
    def copies(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """By pair of parts, the files of the second whose bytes a file of the first has too, each with that file."""
        found = {}
        for one, two in combinations(self.parts, 2):
            known = {digest: path for path, digest in _digests(self.files[one])}
            found[one, two] = [(path, known[digest]) for path, digest in _digests(self.files[two]) if digest in known]
        return {pair: files for pair, files in found.items() if files}

    @cached_property
    def shared_images(self) -> dict[tuple[str, str], int]:
        """How many files of the second part of a pair are in the first too; their hashes are known."""
        return {pair: len(files) for pair, files in self.copies.items()}

    def labels(self, part: str) -> np.ndarray:
        """The labels of a part."""
        return self.files[self.check_part(part)].labels

    def images(self, part: str, rows: np.ndarray) -> np.ndarray:
        """The images of a part at `rows`, uint8 (b, h, w, c); ValueError if they differ in size, or if a file has changed or gone."""
        height, width, channels = self.input_shape
        if height is None or width is None:
            raise ValueError(
                f"{self.folder}: the images are of several sizes and make no array; read them in a shape, such as (224, 224, 3)"
            )
        read = np.empty((len(rows), height, width, channels), np.uint8)

        def keep(pixels: np.ndarray, spans: Spans, places: np.ndarray) -> None:
            places[...] = with_channels(pixels, channels)

        self._fill(read, part, rows, keep)
        return read

    def converted(self, part: str, rows: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """The images of a part at `rows`, float32 (b, *shape), decoded by several threads."""
        read = _BUFFERS.empty((len(rows), *shape))
        own = self.input_shape[2]

        def resize(pixels: np.ndarray, spans: Spans, places: np.ndarray) -> None:
            convert(with_channels(pixels, own), shape, spans, out=places)

        self._fill(read, part, rows, resize)
        return read

    def _fill(
        self, read: np.ndarray, part: str, rows: np.ndarray, put: Callable[[np.ndarray, Spans, np.ndarray], None]
    ) -> None:
        """Have `put` fill the places of the pictures at `rows`, of which each thread gets as many as the others."""
        files = self.files[self.check_part(part)].take(rows)

        def fill(places: range) -> None:
            """Pictures of one size are converted together, as long as they are small."""
            held: list[np.ndarray] = []
            spans: Spans = (0.0, 0.0)
            first = places.start
            for place in places:
                pixels, its = self._pixels(files.paths[place], files.facts[place], read.shape[1:3])
                if held and (pixels.shape != held[0].shape or its != spans or pixels.size * len(held) > _TOGETHER):
                    put(np.stack(held), spans, read[first:place])
                    first, held = place, []
                held.append(pixels)
                spans = its
            if held:
                put(np.stack(held), spans, read[first : places.stop])

        ends = np.linspace(0, len(rows), _THREADS.count + 1).astype(int).tolist()
        own, *others = (range(*each) for each in pairwise(ends))
        working = [_THREADS.submit(fill, each) for each in others]
        try:
            fill(own)
        finally:
            for each in working:  # none writes into `read` after this
                each.exception()
        for each in working:
            each.result()

    def _pixels(self, path: str, facts: Facts, sides: tuple[int, int]) -> tuple[np.ndarray, Spans]:
        """The picture (h, w, 1 or 3) of a file that is as it was, not much larger than `sides`."""
        whole = os.path.join(self.folder, path)  # noqa: PTH118  once per image: quicker than a Path
        try:
            return decode_for(read_unchanged(whole, facts), sides, facts.done)
        except DamagedError as error:
            raise ValueError(f"{whole}: cannot be decoded any more, {error}; start again") from None

    def with_training_rows(self, rows: np.ndarray) -> Self:
        """The target whose training part is its `rows`."""
        return replace(self, files={**self.files, "train": self.files["train"].take(rows)})


def read(path: str | Path, loading: Loading) -> FolderTarget:
    """The target in a folder of class folders, or of such folders inside train, val and test; named by the folder.

    JPEG, PNG, WebP, BMP and GIF files, by their extensions; hidden ones are passed over, others counted. All are decoded once, to the last
    pixel, before anything trains (`ncap.targets.inspection`). What each becomes: `ncap.targets.decoding`. Images stay grey if all are.
    What had to be done to read them, and files with the same bytes in two parts, are counted in one warning.

    Raises ValueError for another layout, and for damaged files, naming them, unless `loading.on_bad` is "skip", which leaves them out.
    """
    path = Path(path)
    found = find(path)
    facts = inspect(path, [file for files in found.parts.values() for file, _ in files])
    bad = {file: one.damage for file, one in facts.items() if one.damage}
    if bad and loading.on_bad == "fail":
        raise ValueError(
            f"{path}: {_damaged(bad)}; repair or remove {'it' if len(bad) == 1 else 'them'}, or leave them out with --on-bad skip "
            "(on_bad='skip')"
        )
    parts = {part: [pair for pair in pairs if pair[0] not in bad] for part, pairs in found.parts.items()}
    listed = {
        part: Files(tuple(file for file, _ in pairs), _labels(pairs), tuple(facts[file] for file, _ in pairs))
        for part, pairs in parts.items()
    }
    _check_classes(path, listed, found.class_names, bad)
    files = _split(listed, loading, str(path))
    name = path.resolve().name.encode("utf-8", "backslashreplace").decode() or "folder"  # what a store can keep
    target = FolderTarget(
        name, path, found.class_names, files, _shape([one for each in files.values() for one in each.facts]), bad
    )
    if said := _said(target, found.others):
        warnings.warn(f"{path}: {said}", stacklevel=2)
    return target


def _labels(pairs: Sequence[tuple[str, int]]) -> np.ndarray:
    return np.array([label for _, label in pairs], np.int64)


def _check_classes(path: Path, listed: Mapping[str, Files], names: Sequence[str], bad: Mapping[str, str]) -> None:
    """Refuse a folder in which damage has left a class, or a part, without any image."""
    for part, files in listed.items():
        for label in sorted(set(range(len(names))) - set(files.labels.tolist())) if part in ("all", "train") else ():
            raise ValueError(f"{path}: class {names[label]!r} has no image that can be read; {_damaged(bad)}")
        if not files.paths:
            raise ValueError(f"{path}: the part {part!r} has no image that can be read; {_damaged(bad)}")


def _split(listed: Mapping[str, Files], loading: Loading, name: str) -> dict[str, Files]:
    """The parts, with those that are missing split off."""
    split_off = missing_parts(listed, loading.validation, loading.test)
    if not split_off:
        return dict(listed)
    whole = listed.get("all") or listed["train"]
    rows = split(whole.labels, ("train", *split_off), loading.seed, name, loading.validation, loading.test)
    kept = {part: files for part, files in listed.items() if part != "all"}
    return kept | {part: whole.take(of) for part, of in rows.items()}


def _shape(facts: Sequence[Facts]) -> OwnShape:
    """Sides that all images share, else None; one channel if all are grey."""
    heights, widths = {one.height for one in facts}, {one.width for one in facts}
    channels = max(one.channels for one in facts)
    return (heights.pop() if len(heights) == 1 else None, widths.pop() if len(widths) == 1 else None, channels)


def _said(target: FolderTarget, others: Sequence[str]) -> str:
    """What is worth knowing of how the files were read; "" if nothing is."""
    facts = [one for files in target.files.values() for one in files.facts]
    counts = Counter(word for one in facts for word in one.done)
    said = [f"{counts[word]} {words}" for word, words in SAID.items() if counts[word]]
    if said:
        said = [f"of {len(facts)} images, " + "; ".join(said)]
    if target.left_out:
        said.append(f"left out: {_damaged(target.left_out)}")
    if others:
        said.append(f"ignored: {_some(others)}, no {'image' if len(others) == 1 else 'images'} by the extension")
    return "; ".join([*said, *_duplicates(target)])


def _duplicates(target: FolderTarget) -> list[str]:
    """Files of a part whose bytes are also in one before it."""
    said = []
    for (one, two), pairs in target.copies.items():
        many = "files of {} have" if len(pairs) > 1 else "file of {} has"
        said.append(
            f"{len(pairs)} {many.format(two)} the same bytes as one of {one} ({pairs[0][0]} and {pairs[0][1]}): accuracies on them say "
            "less, so leave one copy out"
        )
    return said


def _digests(files: Files) -> list[tuple[str, str]]:
    return [(path, facts.digest) for path, facts in zip(files.paths, files.facts, strict=True)]


def _damaged(bad: Mapping[str, str]) -> str:
    """How many files are damaged, the first ones with the reason."""
    shown = ", ".join(f"{file} ({why})" for file, why in list(bad.items())[:_SHOWN])
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{len(bad)} damaged {'file' if len(bad) == 1 else 'files'}, {shown}{more}"


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return f"{len(files)} {'file' if len(files) == 1 else 'files'}, {', '.join(files[:_SHOWN])}{more}"


def _accepts(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises for a name that is too long


def _check(path: Path) -> None:
    part_folders(path)


FORMAT = Format("a folder of class folders", _accepts, _check, read)
