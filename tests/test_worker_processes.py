"""Worker processes that the system kills, or leaves without memory to share, end in one line."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filling import end_at_once, fill
from torch.utils.data import Dataset

from infusenet.errors import InputError
from infusenet.training import dataset
from infusenet.training.predict import score
from infusenet.worker_processes import loader_explained, pool


class Clips(Dataset):
    """64 clips of 600 kB; ``act`` on each as it is read."""

    def __init__(self, act=lambda: None):
        self.act = act

    def __len__(self):
        return 64

    def __getitem__(self, item):
        self.act()
        return {"flow": torch.zeros(3, 224, 224)}, torch.zeros(12)


@loader_explained()
def read(clips, workers=2):
    return sum(len(labels) for _, labels in dataset.loader(clips, dataset.EpochBatches(64, 16), workers))


def test_a_killed_worker_of_a_stage(tmp_path):
    """The parts that were finished stay, and the store is not there."""
    with pytest.raises(InputError, match="memory was full.*Lower `compute: processes`"):
        fill(tmp_path / "flow.h5", work=end_at_once, processes=2)
    assert not (tmp_path / "flow.h5").exists()


def test_a_killed_worker_names_the_setting_of_its_pool():
    expected = pytest.raises(InputError, match="one of 3 worker processes was killed.*Lower `--cores`")
    with expected, pool(3, "--cores") as executor:
        list(executor.map(end_at_once, range(5)))


def test_an_error_inside_a_worker_is_no_lack_of_memory(tmp_path):
    with pool(2, "--cores") as executor, pytest.raises(ZeroDivisionError):
        list(executor.map(divmod, [1], [0]))
    with pytest.raises(RuntimeError, match="Caught RuntimeError in DataLoader worker"):
        read(Clips(fail))


def fail():
    raise RuntimeError("something else")


def test_a_killed_loader_process():
    with pytest.raises(InputError, match="a loader process was killed.*Lower `compute: workers`"):
        score(SimpleNamespace(scoring_batch=16), Clips(end_at_once), torch.device("cpu"), workers=2)


def test_a_small_dev_shm():
    """In a name space of its own, where it holds less than a batch."""
    words = 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"'
    inside = ["unshare", "--mount", "sh", "-c", words, "sh"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted")
    done = subprocess.run(
        [*inside, sys.executable, __file__], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(dataset.__file__).parents[1]), *sys.path])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "/dev/shm is full or too small" in done.stdout
    assert "workers: 0" in done.stdout


if __name__ == "__main__":
    try:
        read(Clips())
    except InputError as error:
        print(error)
    assert read(Clips(), workers=0) == 64
