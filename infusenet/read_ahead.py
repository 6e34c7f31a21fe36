"""Values prepared in a thread while the caller works with those before."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(values: Iterable[T], count: int = 2) -> Iterator[T]:
    """The same values in the same order, up to ``count`` of them computed in advance by one thread.

    An error in ``values`` is raised at the place of its value. A caller that stops early ends the thread after
    the values that are under way.
    """
    source = iter(values)
    with ThreadPoolExecutor(1) as executor:
        pending = [executor.submit(next, source, END) for _ in range(count)]
        while (value := pending.pop(0).result()) is not END:
            pending.append(executor.submit(next, source, END))
            yield value
