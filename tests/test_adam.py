import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import ExponentialLR

from infusenet.training.adam import EagerAdam


def trained(kind, state=None):
    """Weights after three steps, two of them before ``state`` of another optimiser where one is given."""
    torch.manual_seed(0)
    model = torch.nn.Linear(5, 3)
    optimizer = kind([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.2}], 0.1, fused=True)
    scheduler = ExponentialLR(optimizer, 0.9)
    for step in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 5)).square().sum().backward()
        if step == 2 and state:
            optimizer.load_state_dict(state)
        optimizer.step()
        scheduler.step()
        if step == 1:
            saved = optimizer.state_dict()
            saved = {"state": {k: {n: v.clone() for n, v in s.items()} for k, s in saved["state"].items()},
                     "param_groups": saved["param_groups"]}  # fmt: skip
    return torch.cat([value.detach().flatten() for value in model.parameters()]), saved


def test_steps_and_states_are_torch_s():
    expected, state = trained(Adam)
    result, own_state = trained(EagerAdam)
    assert torch.equal(result, expected)
    assert own_state["param_groups"] == state["param_groups"]
    assert torch.equal(trained(EagerAdam, state)[0], expected), "a checkpoint of torch's Adam goes on"
    assert torch.equal(trained(Adam, own_state)[0], expected)
