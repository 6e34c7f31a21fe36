import pytest
from hypothesis import given
from hypothesis import strategies as st

from infusenet.read_ahead import computed


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 20), st.booleans())
def test_results_come_in_order_from_calls_within_the_limit(sizes, limit, on_gpu):
    calls = []

    def compute(group):
        calls.append(group)
        return [10 * size for size in group]

    results = computed(sizes, int, limit, compute, on_gpu)
    assert list(results) == [10 * size for size in sizes]
    assert [size for call in calls for size in call] == sizes
    assert all(len(call) == 1 or sum(call) <= limit for call in calls)
    assert all(sum(a) + b[0] > limit for a, b in zip(calls, calls[1:], strict=False)), (
        "no call could take more"
    )


@pytest.mark.parametrize("on_gpu", [False, True])
def test_an_error_of_a_value_comes_after_the_results_before_it(on_gpu):
    def values():
        yield from (1, 2, 3)
        raise ValueError("the fourth")

    results = computed(values(), lambda value: 1, 2, list, on_gpu)
    assert [next(results) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ValueError, match="the fourth"):
        next(results)
