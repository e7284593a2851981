from __future__ import annotations

import threading
import time

import pytest

from dlt.load.executor import Serial, Threads


@pytest.mark.parametrize("executor", [Serial(), Threads()])
def test_results_come_in_the_order_of_the_items(executor):
    def work(number):
        time.sleep(0.002 * (5 - number))
        return number * 2

    assert list(executor.map(work, range(5), limit=3)) == [0, 2, 4, 6, 8]


def test_no_more_than_the_limit_is_under_way():
    lock, running, most = threading.Lock(), 0, 0

    def work(_):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    list(Threads().map(work, range(20), limit=3))

    assert 1 < most <= 3


@pytest.mark.parametrize("executor", [Serial(), Threads()])
def test_an_error_ends_the_work(executor):
    done = []

    def work(number):
        if number == 2:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="2"):
        list(executor.map(work, range(100), limit=2))
    assert len(done) < 10
