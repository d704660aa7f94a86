"""The model that a class of tests is about."""

from __future__ import annotations

import pytest

import slimzoo


@pytest.fixture(scope="class")
def subject(request, tool, build):
    """The model; what was written of it goes when its tests are done."""
    found = slimzoo.Subject(request.param, tool, build / "zoo")
    yield found
    found.clean()
