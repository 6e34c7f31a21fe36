"""Values prepared in a thread while the caller works with those before, one by one or in groups."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T, Result = TypeVar("T"), TypeVar("Result")
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


def computed(
    values: Iterable[T],
    size: Callable[[T], int],
    limit: int,
    compute: Callable[[list[T]], Sequence[Result]],
    on_gpu: bool,
) -> Iterator[Result]:
    """The result of every value, computed for many values in one call of ``compute``.

    A call has as many values as have a ``size`` of at most ``limit`` together, or one value. Values are read ahead
    by a thread. On a GPU another one computes ahead, so that results are written meanwhile; on a CPU the two would
    share the cores. An error in ``values`` or ``compute`` is raised at the place of its value or call.
    """
    results = (compute(group) for group in ahead(grouped(values, size, limit)))
    for group in ahead(results, 1) if on_gpu else results:
        yield from group


def grouped(values: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Values in order, in groups of a ``size`` of at most ``limit`` together, or of one value.

    An error in ``values`` is raised after the group of the values before it.
    """
    group, used = [], 0
    source = iter(values)
    while True:
        try:
            value = next(source, END)
        except Exception:
            if group:
                yield group
            raise
        if group and (value is END or used + size(value) > limit):
            yield group
            group, used = [], 0
        if value is END:
            return
        group.append(value)
        used += size(value)
