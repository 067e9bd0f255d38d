"""Why a run could not continue, in the single line that a table has room for."""

import re

_LONGEST = 300  # characters in a reason


class TrainingFailedError(Exception):
    """A run cannot continue; `epoch` is the epoch that it could not finish."""

    def __init__(self, epoch: int, reason: str) -> None:
        super().__init__(reason)
        self.epoch, self.reason = epoch, reason

    def __reduce__(self) -> "tuple[type[TrainingFailedError], tuple[int, str]]":
        """Pickled with both of its arguments: a run may be trained in another process."""
        return type(self), (self.epoch, self.reason)


def ran_out_of_memory(reason: str) -> bool:
    """Whether the reason of a failure is that the memory of a device ran out, in the words of any backend; fewer samples need less.

    >>> ran_out_of_memory("ResourceExhaustedError: OOM when allocating tensor"), ran_out_of_memory("ValueError: no memory cell")
    (True, False)
    """
    return bool(re.search(r"ResourceExhausted|RESOURCE_EXHAUSTED|OutOfMemoryError|out of memory", reason))


def describe(error: BaseException) -> str:
    r"""The type of an error and its message, in one line.

    For an error in a TensorFlow graph, only the message is kept, not the many source lines that precede it.

    >>> describe(RuntimeError("no weights\nhere"))
    'RuntimeError: no weights here'
    >>> graph = "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n  File 1\n\n  File 2\n\n"
    >>> describe(RuntimeError(graph + "out of memory"))
    'RuntimeError: out of memory'
    >>> describe(SystemExit())
    'SystemExit: no message'
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras prints the reason in bold
    if text.startswith("Graph execution error"):
        _, _, *paragraphs = text.split("\n\n")
        text = next((part for part in paragraphs if not part.startswith("  File ")), text)
        text = text.partition("\nTraceback (most recent call last)")[0]
    words = re.sub(r"\{\{.*?\}\}", "", text).split()
    return f"{type(error).__name__}: {' '.join(words)[:_LONGEST] or 'no message'}"
