"""Networks without random numbers: for those that are restored, or whose parameters are counted alone."""

import torch
from torch.overrides import TorchFunctionMode


class UnfilledParameters(TorchFunctionMode):
    """The context in which a new parameter keeps whatever its memory holds, until a state dict is loaded.

    Random numbers for it take most of the time in which a network is made. Torch's generator is not drawn from.
    """

    DRAWS = ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_")

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        target = args[0] if args else kwargs.get("tensor")
        if function.__name__ in self.DRAWS and isinstance(target, torch.nn.Parameter):
            return target
        return function(*args, **kwargs)
