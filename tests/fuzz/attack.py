"""A process of its own that opens mutated files, one line of its output an input: number, outcome, detail.

python attack.py KIND SEED FIRST LAST FOLDER. Its memory is limited, and so is the time of every input; the test that starts it counts a
process that dies as an outcome, too. An input is a function of (kind, seed, number).
"""

import os
import resource
import shutil
import signal
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np

MEMORY = 4 * 2**30  # bytes of addresses; the libraries alone take one to two
SECONDS = 20
TESTS = Path(__file__).parents[1]
V1 = TESTS / "records" / "v1"


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three faults of the kinds that disks, transfers and people make."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(len(data) or 1))
        length = int(min(2 ** rng.integers(0, 11), len(data) - start))
        other = int(rng.integers(len(data) or 1))
        match int(rng.integers(8)):
            case 0:  # one bit
                data[start : start + 1] = bytes(byte ^ (1 << int(rng.integers(8))) for byte in data[start : start + 1])
            case 1:
                data[start : start + length] = rng.bytes(length)
            case 2:
                data[start : start + length] = bytes(length)
            case 3:
                data[start : start + length] = b"\xff" * length
            case 4:
                del data[start : start + length]
            case 5:
                data[other:other] = data[start : start + length]
            case 6:  # a number that means something
                width = int(rng.choice([1, 2, 4, 8]))
                value = int(rng.choice([0, 1, 2**7, 2**15, 2**31, 2**63, 2**64 - 1])) % 2 ** (8 * width)
                data[start : start + width] = value.to_bytes(width, str(rng.choice(["big", "little"])))
            case 7:
                del data[start:]
    return bytes(data)


class Npz:
    """A target in a file: what is loaded has the images and labels that were saved."""

    def __init__(self, folder: Path) -> None:
        from ncap.targets import npz
        from ncap.targets.contract import Loading

        self.read, self.loading, rng = npz.read, Loading(), np.random.default_rng(0)
        x, y = rng.integers(0, 256, (40, 5, 5), dtype=np.uint8), np.arange(40) % 4
        parts = [
            {"x": x, "y": y},
            {"x_train": x, "y_train": y, "x_val": x[:20], "y_val": y[:20], "x_test": x[:8], "y_test": y[:8]},
        ]
        self.files, self.right = [], []
        for number, (arrays, save) in enumerate(
            (arrays, save) for arrays in parts for save in (np.savez, np.savez_compressed)
        ):
            path = folder / f"{number}.npz"
            save(path, **arrays)
            self.files.append(path.read_bytes())
            self.right.append(self.read(path, self.loading).fingerprint)
        self.path = folder / "mutated.npz"

    def attack(self, rng: np.random.Generator) -> tuple[str, str]:
        place = int(rng.integers(len(self.files)))
        self.path.write_bytes(mutated(self.files[place], rng))
        try:
            found = self.read(self.path, self.loading).fingerprint
        except ValueError as error:
            return named(error, self.path)
        return ("right", "") if found == self.right[place] else ("WRONG", f"file {place}")


class StoreOf2:
    """A store of this version: what is opened has the rows that were written."""

    create = False

    def __init__(self, folder: Path) -> None:
        from ncap.records import store
        from ncap.records.sql import TABLES

        self.store, self.tables = store, TABLES
        self.original, self.path = folder / "original.db", folder / "mutated.db"
        self.make()
        self.content = self.original.read_bytes()
        self.right = self.digest(self.original)

    def make(self) -> None:
        """The rows of 0.1, which has all kinds of them, and scores; pages of 512 bytes, of which there are many."""
        import sqlite3

        shutil.copy(V1 / "runs.db", self.original)
        with self.store.Store(self.original) as opened:
            row = {
                "settings": "s",
                "target": "digits",
                "candidate": "tiny",
                "score": "knn",
                "value": 0.5,
                "seconds": 1.0,
            }
            opened.add_scores([row | {"note": ""}])
        db = sqlite3.connect(self.original)
        db.execute("PRAGMA page_size = 512")
        db.execute("VACUUM")
        db.close()

    def digest(self, path: Path) -> int:
        """All that a store holds, in the order in which it gives it."""
        with self.store.Store(path, create=self.create) as opened:
            tables = [opened.table(table).to_csv() for table in self.tables.values()]
            return zlib.crc32(repr((tables, opened.jobs(), opened.records().first_reading)).encode())

    def attack(self, rng: np.random.Generator) -> tuple[str, str]:
        for left in self.path.parent.glob("mutated*"):
            left.unlink()
        content = mutated(self.content, rng)
        self.path.write_bytes(content)
        try:
            found = self.digest(self.path)
        except ValueError as error:
            outcome = named(error, self.path)
            return outcome if self.path.read_bytes() == content else ("TOUCHED", str(error))
        return ("right", "") if found == self.right else ("WRONG", "other rows")


class StoreOf1(StoreOf2):
    """A store of 0.1, migrated when it is opened. It has no checksums: a number may have become another possible one."""

    create = True

    def make(self) -> None:
        shutil.copy(V1 / "runs.db", self.original)
        self.untouched = self.original.read_bytes()

    def digest(self, path: Path) -> int:
        found = super().digest(path)
        self.content = self.untouched if path == self.original else self.content
        return found

    def attack(self, rng: np.random.Generator) -> tuple[str, str]:
        self.content = self.untouched
        outcome, detail = super().attack(rng)
        return ("other numbers", detail) if outcome == "WRONG" else (outcome, detail)


class Checkpoint:
    """A checkpoint: what is loaded is the tick that was saved, and what cannot be is None."""

    def __init__(self, folder: Path) -> None:
        from ncap.training import checkpoint
        from ncap.training.tick import State, Tick

        self.module, self.run, rng = checkpoint, ("s", "digits", "mlp", 0), np.random.default_rng(0)
        weights = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 3, 1, 4), (4,), (8, 6), (6,), (6, 10))]
        state = State("body", weights, [np.int64(3), *weights], [np.array([5, 0], np.uint32)])
        observation = {"tick": 3, "val_loss": 0.1, "val_accuracy": 0.5}
        self.path = folder / "mutated.h5"
        checkpoint.save(self.path, Tick(observation, [{"tick": 3, "reading": "gradient"}], state), self.run)
        old = sorted((V1 / "runs.db.checkpoints").rglob("tiny-0*.h5"))[0]
        self.files = [
            (self.path.read_bytes(), self.run, "body"),
            (old.read_bytes(), (old.parent.name, "digits", "tiny", 0), "816b33cf5e2ee9a6"),
        ]
        self.right = [self.digest(*file) for file in self.files]
        assert "none" not in self.right

    def digest(self, content: bytes, run: tuple, body: str) -> str:
        self.path.write_bytes(content)
        tick = self.module.load(self.path, run)
        # The checksum of 0.1 leaves the body's fingerprint out; a run whose body is another one starts over.
        if tick is None or tick.state.body != body:
            return "none"
        arrays = [*tick.state.weights, *tick.state.optimizer, *tick.state.generators]
        rows = (tick.observation, tick.readings, tick.state.body, tick.state.random)
        return repr((rows, [(array.dtype, array.shape, array.tobytes()) for array in arrays]))

    def attack(self, rng: np.random.Generator) -> tuple[str, str]:
        place = int(rng.integers(len(self.files)))
        content, run, body = self.files[place]
        found = self.digest(mutated(content, rng), run, body)
        if found == "none":
            return "refused", ""
        return ("right", "") if found == self.right[place] else ("WRONG", f"file {place}")


def named(error: ValueError, path: Path) -> tuple[str, str]:
    """A refusal that begins with the file's name, in one line, is one by name."""
    text = str(error)
    clear = text.startswith(f"{path}: ") and "\n" not in text and not isinstance(error, UnicodeError)
    return ("refused", "") if clear else ("UNCLEAR", text)


KINDS = {"npz": Npz, "store": StoreOf2, "store of 0.1": StoreOf1, "checkpoint": Checkpoint}


def main() -> None:
    kind, seed, first, last, folder = sys.argv[1], *map(int, sys.argv[2:5]), Path(sys.argv[5])
    warnings.simplefilter("ignore")
    attacker = KINDS[kind](folder)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, last):
        print(number, "started", flush=True)
        signal.alarm(SECONDS)
        try:
            outcome, detail = attacker.attack(np.random.default_rng([seed, number]))
        except Exception as error:
            outcome, detail = "RAISED", f"{type(error).__name__}: {error}"
        signal.alarm(0)
        print(number, outcome, detail.replace("\n", " ")[:200], sep="\t", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
