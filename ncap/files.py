"""Files that ncap writes for a person, in a folder that may hold anything."""

from pathlib import Path


def write_new(file: Path, content: bytes) -> Path:
    """Write a file in place of what has its name: a link there is replaced and not followed. Raises OSError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_new(Path(folder) / "a.txt", b"a").read_bytes()
    b'a'
    """
    file.unlink(missing_ok=True)
    with file.open("xb") as new:  # nobody has put another there meanwhile
        new.write(content)
    return file
