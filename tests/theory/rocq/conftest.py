"""What the registry generates, once for all tests."""

from __future__ import annotations

import pytest
from bnverify.theory.rocq.check import generated
from bnverify.theory.rocq.generate import Written


@pytest.fixture(scope="session")
def made() -> Written:
    return generated()
