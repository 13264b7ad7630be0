"""The linter and the formatter have nothing to say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ["helpers", "lessons", "tools", "tests", "notebooks/src", "course.py", "conftest.py"]


@pytest.mark.parametrize("command", ["check --output-format=concise", "format --check"])
def test_ruff(command):
    ruff = [sys.executable, "-m", "ruff", *command.split(), "--no-cache", *PLACES]
    result = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, f"Run `ruff {command}` and mend:\n{result.stdout}{result.stderr}"
