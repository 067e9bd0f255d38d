"""Files that ncap writes for a person, in a folder that may hold anything."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_new(file: Path, content: bytes) -> Path:
    """Write a file in place of what has its name: a link there is replaced and not followed. Raises OSError.

    Whoever opens the file meanwhile finds the old content or the new one, and never a part of either.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_new(Path(folder) / "a.txt", b"a").read_bytes()
    b'a'
    """
    with replacing(file) as temporary, temporary.open("xb") as new:  # nobody has put another there meanwhile
        new.write(content)
    return file


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A temporary path beside a file, with its suffix, that takes its place at the end of the block; nothing of it stays if that fails."""
    temporary = file.with_name(f".{file.stem}.{os.getpid()}.tmp{file.suffix}")
    temporary.unlink(missing_ok=True)  # left there by a process that was killed
    try:
        yield temporary
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
