"""Reading ahead: the next items of a sequence are made in a thread while the present one is used, in order, and never more than a few."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar, overload

from ncap.targets.threads import Threads

Item = TypeVar("Item")

_THREADS = Threads(1, "ncap-ahead")  # one is enough: an item is made by several threads of its own


class Ahead(Sequence[Item]):
    """make(0), ..., make(count - 1), of which the `depth` that follow the last one asked for are being made, or are kept until asked for.

    With depth 0 an item is made when it is asked for, in the thread that asks. At most depth + 2 items are held: the last two stay, for a
    reader that begins with a look at the first ones, as Keras does. An error of `make` is raised where its item is asked for.

    >>> squares = Ahead(lambda number: number**2, count=5, depth=2)
    >>> squares[0], list(squares), len(squares)
    (0, [0, 1, 4, 9, 16], 5)
    """

    def __init__(self, make: Callable[[int], Item], count: int, depth: int) -> None:
        self._make, self._count, self._depth = make, count, depth
        self._made: dict[int, Future[Item]] = {}

    def __len__(self) -> int:
        """The number of items."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        """Item `index`, from 0; IndexError beyond the last one."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(f"index must lie in 0..{self._count - 1}, got {index}")
        if not self._depth:
            return self._make(index)
        wanted = range(index, min(index + 1 + self._depth, self._count))
        for number in [number for number in self._made if number != index - 1 and number not in wanted]:
            self._made.pop(number).cancel()
        for number in wanted:
            if number not in self._made:
                self._made[number] = _THREADS.submit(self._make, number)
        return self._made[index].result()

    def __iter__(self) -> Iterator[Item]:
        """The items in order; what was read ahead is given up where the reader stops early."""
        try:
            for index in range(self._count):
                yield self[index]
        finally:
            self.forget()

    def forget(self) -> None:
        """Give up what was read ahead; it is made again where it is asked for."""
        while self._made:
            self._made.popitem()[1].cancel()
