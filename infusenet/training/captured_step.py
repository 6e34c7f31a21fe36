"""A training step that is captured once as a CUDA graph and then replayed: a GPU at small batches otherwise waits
for its host, which launches some thousand kernels a step.

Never run on a GPU so far: `infusenet train --captured` asks for it, and without that steps are eager.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from infusenet.training.step import Step

WARM_UPS = 3  # steps before the capture, in which libraries choose kernels and reserve memory


class Graph(Protocol):
    """`capture` records work without doing it, after `warm_up` has done it; `replay` does what was recorded."""

    def warm_up(self, work: Callable[[], None]) -> None: ...

    def capture(self, work: Callable[[], None]) -> None: ...

    def replay(self) -> None: ...


class CudaGraph:
    """`Graph` on the current CUDA device."""

    def __init__(self):
        self._graph = torch.cuda.CUDAGraph()

    def warm_up(self, work: Callable[[], None]) -> None:
        stream = torch.cuda.Stream()  # as torch asks for before a capture
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            work()
        torch.cuda.current_stream().wait_stream(stream)

    def capture(self, work: Callable[[], None]) -> None:
        with torch.cuda.graph(self._graph):
            work()

    def replay(self) -> None:
        self._graph.replay()


class CapturedStep:
    """Called as a `Step`, whose work it replays for batches of ``batch`` clips; others run eagerly.

    The gather is not captured, so that one graph serves clips wherever they are held: a batch is copied into the
    tensors that the graph reads. The capture and its warm-up leave weights, running statistics, the optimiser, the
    log's sums and the random state as they were, so both kinds of step give the same bits.
    """

    def __init__(self, step: Step, batch: int, graph: Graph):
        self._step, self._batch, self._graph = step, batch, graph
        self._kept, self._labels = None, None

    def __call__(self, kept: dict[str, Tensor], labels: Tensor) -> None:
        if len(labels) != self._batch:
            self._step(kept, labels)
            return
        if self._kept is None:
            self._capture(kept, labels)
        for name, value in kept.items():
            self._kept[name].copy_(value)
        self._labels.copy_(labels)
        self._graph.replay()

    def start_epoch(self) -> None:
        self._step.start_epoch()

    def row(self, clips: int) -> dict[str, float]:
        return self._step.row(clips)

    def _capture(self, kept: dict[str, Tensor], labels: Tensor) -> None:
        self._kept, self._labels = {name: value.clone() for name, value in kept.items()}, labels.clone()

        def work():
            self._step(self._kept, self._labels)

        with _without_trace(self._step):
            for _ in range(WARM_UPS):
                self._graph.warm_up(work)
        # The graph allocates gradients of its own, at addresses that stay.
        self._step.optimizer.zero_grad()
        self._graph.capture(work)


@contextmanager
def _without_trace(step: Step) -> Iterator[None]:
    """Undo what the steps inside change, in the tensors' own memory, which the graph will read."""
    model, state = step.model, step.optimizer.state
    tensors = [*model.parameters(), *model.buffers(), step.losses, step.counts]
    tensors += [value for values in state.values() for value in values.values()]
    before = [(tensor, tensor.detach().clone()) for tensor in tensors]
    had_state = set(state)
    random = torch.get_rng_state()
    cuda_random = torch.cuda.get_rng_state(step.device) if step.device.type == "cuda" else None
    yield
    with torch.no_grad():
        for tensor, value in before:
            tensor.copy_(value)
        for parameter in state.keys() - had_state:  # of an optimiser before its first step: zeros
            for value in state[parameter].values():
                value.zero_()
    torch.set_rng_state(random)
    if cuda_random is not None:
        torch.cuda.set_rng_state(cuda_random, step.device)
