"""The linter has nothing to say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_ruff():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    places = ["helpers", "tools", "tests", "notebooks/src", "course.py", "conftest.py"]
    result = subprocess.run([*command, *places], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, f"Run `ruff check` and mend:\n{result.stdout}{result.stderr}"
