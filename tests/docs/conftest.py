"""What tests of the documentation share."""

from __future__ import annotations

import pytest

import demo


@pytest.fixture(scope="session")
def ort() -> str:
    """The ONNX Runtime library that comes with the Python package."""
    return str(demo.runtime())
