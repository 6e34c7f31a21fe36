"""Worker processes that the system kills end in one line."""

import pytest
from filling import end_at_once, fill

from infusenet.errors import InputError
from infusenet.worker_processes import pool


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
