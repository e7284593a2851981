"""Tests that come with the library, for those who write a destination. Needs pytest, which `import dlt` does not load."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("dlt.testing.destination_suite", "dlt.testing.destination_values")

from dlt.testing.destination_suite import DestinationSuite  # noqa: E402 - its asserts are to be rewritten

__all__ = ["DestinationSuite"]
