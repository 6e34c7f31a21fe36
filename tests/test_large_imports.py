import gc
import subprocess
import sys

import pytest

from infusenet.large_imports import first_import_of


@pytest.fixture(scope="module", autouse=True)
def all_unfrozen():
    """Nothing is out of the collector's reach until the end, when all is again, as conftest.py leaves it."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def unfrozen():
    """Other tests' objects stay within the collector's reach."""
    yield
    gc.unfreeze()


def test_objects_of_a_first_import_are_not_looked_through(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with first_import_of("colorsys"):
        assert not gc.isenabled()
        import colorsys  # noqa: F401
    assert gc.isenabled()
    assert gc.get_freeze_count()


def test_a_later_import_changes_nothing():
    with first_import_of("sys"):
        assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_nothing_is_switched_on_again_for_a_caller_who_switched_it_off():
    gc.disable()
    try:
        with first_import_of("a library that nobody imported"):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def imported(code, libraries):
    """Those of ``libraries`` that a process has imported after ``code``."""
    code = f"import sys\n{code}\nprint(*sorted(set({libraries}) & sys.modules.keys()))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_training_starts_without_torchvision_and_torch_s_compiler():
    """Each takes longer to import than torch. The steps below are those that would import them."""
    code = """
import torch
from infusenet import devices
from infusenet.models.resnet import FrameFlow
from infusenet.training import predict, trainer
devices.start("cpu", 1)
optimizer = trainer.EagerAdam(FrameFlow().fc.parameters(), fused=True)
trainer.ExponentialLR(optimizer, 0.9)
optimizer.zero_grad()
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
"""
    assert imported(code, ["torch._dynamo", "torch._inductor", "torchvision", "sympy", "timm"]) == []


def test_the_flow_stage_imports_torch_or_opencv_only_for_the_solver_that_needs_it():
    assert imported("from infusenet.preprocess import flow", ["torch", "cv2"]) == []
