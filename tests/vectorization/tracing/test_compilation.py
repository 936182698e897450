from types import SimpleNamespace

import numba

from seaice_cli.vectorization.tracing import compilation


def double(number):
    return 2 * number


def test_where_no_cache_can_be_written_kernels_are_compiled_without_one(monkeypatch):
    real, asked = numba.njit, []

    def njit(**options):
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return real(**options)

    monkeypatch.setattr(compilation, "numba", SimpleNamespace(njit=njit))
    assert compilation.compiled(double)(21) == 42
    assert asked == [True, False]
