"""Programs of Debian's that some tests are about, and that no package of Python's brings."""

import os
import shutil

import pytest


def find(name: str) -> str:
    """Where a program is. Without it the test is skipped, but it fails where `CI` is `true`."""
    found = shutil.which(name)
    if found is None:
        text = f"no {name} was found; on Debian: apt-get install --no-install-recommends {name}"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    return found
