"""Adam without torch's compiler."""

import inspect

import torch
from torch import optim


class EagerAdam(optim.Adam):
    """torch's Adam, method by method the same.

    torch wraps these methods so that its compiler leaves them alone, and each wrapper imports the compiler, which takes
    longer than the rest of torch. Nothing is compiled here.
    """

    add_param_group = inspect.unwrap(optim.Adam.add_param_group)
    state_dict = inspect.unwrap(optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(optim.Adam.load_state_dict)
    zero_grad = inspect.unwrap(optim.Adam.zero_grad)
    step = torch.no_grad()(inspect.unwrap(optim.Adam.step))
