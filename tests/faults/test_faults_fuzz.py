"""F33: damaged files, networks and messages: each is opened or refused in one line, none crashes or hangs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from injectors import WHOLE

if not sys.platform.startswith("linux"):
    pytest.skip("the limits of memory and time are Linux's", allow_module_level=True)


@pytest.mark.timeout(1800 if WHOLE else 300)
@pytest.mark.parametrize("seed", range(4) if WHOLE else [0])
def test_damaged_files_are_opened_or_refused(seed: int) -> None:
    """In a process of its own with 6 GB of addresses and 10 s for each, as no file may take the window with it."""
    count = 300 if WHOLE else 104
    fuzzer = Path(__file__).with_name("fuzzer.py")
    done = subprocess.run(
        [sys.executable, "-P", fuzzer, str(count), str(seed)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found) <= {"opened", "refused", "ended"}
    assert sum(found.values()) == count
    assert found["refused"] > count // 5
