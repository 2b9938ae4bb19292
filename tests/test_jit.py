"""The cache of compiled kernels."""

import numpy as np
import pytest

from counterplay.engine import jit


def half(numbers):
    return numbers[0] / 2 if len(numbers) else 0.0


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Return a function that makes the kernel as a fresh process would."""
    monkeypatch.setattr(jit, "_FOLDER", str(tmp_path))
    return lambda: jit.jit(half)


def hits(compiled):
    return sum(compiled.stats.cache_hits.values())


def test_kernels_come_from_the_cache(kernel):
    assert kernel()(np.array([3.0])) == 1.5
    again = kernel()
    assert again(np.array([3.0])) == 1.5
    assert hits(again) == 1


def test_processes_that_compile_at_once_do_not_mix_up_their_code(kernel, monkeypatch):
    """One has put its place into the index, and is overtaken by another before it saves its code."""
    one, other = kernel(), kernel()
    whole, real = np.array([3]), np.array([3.0])
    files = one._cache._cache_file
    save = files._save_index

    def overtaken(overloads):
        save(overloads)
        monkeypatch.setattr(other._cache._cache_file, "_load_index", dict)
        other(real)

    monkeypatch.setattr(files, "_save_index", overtaken)
    one(whole)
    third = kernel()
    assert (third(real), third(whole)) == (1.5, 1.5)
    assert hits(third) == 1  # the other's; the first one's place in the index is lost
