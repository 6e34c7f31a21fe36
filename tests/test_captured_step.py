"""A captured step against the eager one: on the CPU with a stand-in for the graph, on CUDA with a real one."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

from infusenet.protocol import AUS
from infusenet.training.adam import EagerAdam
from infusenet.training.captured_step import CapturedStep, CudaGraph
from infusenet.training.step import Step
from infusenet.training.trainer import run_epoch

CLIPS, BATCH = 20, 8


class Recorder:
    """Stands in for a graph: the work is recorded undone, and done at each replay."""

    def __init__(self):
        self.calls = []

    def warm_up(self, work):
        self.calls.append("warm-up")
        work()

    def capture(self, work):
        self.calls.append("capture")
        self.work = work

    def replay(self):
        self.calls.append("replay")
        self.work()


class Net(nn.Module):
    """Random numbers, running statistics and two heads."""

    heads = ("mag", "flow")

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
        )
        self.mag, self.flow = (nn.Linear(8 * 36, len(AUS)) for _ in range(2))

    def forward(self, flow):
        features = self.body(flow)
        return {"mag": self.mag(features), "flow": self.flow(features)}


class Clips:
    """Stands in for a dataset whose clips are float16."""

    def network_inputs(self, kept):
        return {name: value.float() for name, value in kept.items()}

    def batches(self, epoch, device):
        generator = torch.Generator().manual_seed(epoch)
        flow = torch.rand(CLIPS, 3, 8, 8, generator=generator).half().to(device)
        labels = (torch.rand(CLIPS, len(AUS), generator=generator) < 0.3).float().to(device)
        for start in range(0, CLIPS, BATCH):
            yield {"flow": flow[start : start + BATCH]}, labels[start : start + BATCH]


class Bar:
    def update(self, count):
        pass


def eager_step(device, capturable, precision="float32"):
    torch.manual_seed(0)
    model = Net().to(device, memory_format=torch.channels_last).train()
    optimizer = EagerAdam(model.parameters(), 0.01, fused=True, capturable=capturable)
    return Step(model, optimizer, Clips(), device, precision)


def trained(device, graph=None, capturable=False, precision="float32"):
    """All that three epochs leave: log, weights, statistics, Adam's state and the random state."""
    step = eager_step(device, capturable, precision)
    scheduler = ExponentialLR(step.optimizer, 0.5)
    called = CapturedStep(step, BATCH, graph) if graph else step
    rows = []
    for epoch in range(3):
        rows.append(
            run_epoch(called, Clips().batches(epoch, device), Bar()) | {"rate": scheduler.get_last_lr()}
        )
        scheduler.step()
    state = step.optimizer.state_dict()["state"]
    tensors = [*step.model.state_dict().values(), *(t for values in state.values() for t in values.values())]
    return rows, [tensor.cpu() for tensor in [*tensors, torch.get_rng_state()]]


def same(one, other):
    assert one[0] == other[0]
    assert len(one[1]) == len(other[1])
    assert all(torch.equal(a, b) for a, b in zip(one[1], other[1], strict=True))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_captured_and_eager_steps_give_the_same_bits(precision):
    graph, cpu = Recorder(), torch.device("cpu")
    same(trained(cpu, precision=precision), trained(cpu, graph, precision=precision))
    assert graph.calls == ["warm-up"] * 3 + ["capture"] + ["replay"] * 6, "the last batch is shorter: eager"


def test_rates_as_tensors_follow_the_schedule():
    cpu = torch.device("cpu")
    floats, tensors = trained(cpu), trained(cpu, Recorder(), capturable=True)
    assert (
        [row["rate"] for row in floats[0]]
        == [row["rate"] for row in tensors[0]]
        == [[0.01], [0.005], [0.0025]]
    )
    for a, b in zip(floats[1], tensors[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_warm_up_and_capture_leave_no_trace():
    class Idle(Recorder):
        def replay(self):
            pass

    step = eager_step(torch.device("cpu"), False)
    step.start_epoch()
    before = {name: value.clone() for name, value in step.model.state_dict().items()}
    random = torch.get_rng_state()
    kept, labels = next(Clips().batches(0, step.device))
    CapturedStep(step, BATCH, Idle())(kept, labels)
    assert all(torch.equal(value, before[name]) for name, value in step.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not step.losses.any()
    assert not step.counts.any()
    state = step.optimizer.state_dict()["state"]
    assert state
    assert not any(value.any() for values in state.values() for value in values.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_a_real_graph_gives_the_same_bits_and_no_step_waits(precision):
    cuda = torch.device("cuda")
    torch.cuda.set_sync_debug_mode("default")
    expected = trained(cuda, None, True, precision)
    same(expected, trained(cuda, None, True, precision))
    same(expected, trained(cuda, CudaGraph(), True, precision))
    step = eager_step(cuda, True, precision)
    step.start_epoch()
    batches = list(Clips().batches(0, cuda))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for kept, labels in batches:
            step(kept, labels)
    finally:
        torch.cuda.set_sync_debug_mode("default")
