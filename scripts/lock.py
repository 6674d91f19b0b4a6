"""Write requirements.lock: every package of the tests with the hash of its file, for Linux x86-64 and Python 3.11.

Run by a Python of that kind: ``python scripts/lock.py``. Only names, versions and hashes are written, so that the file
is the same wherever they come from. Left out is torch, whose builds for processors and graphics cards differ.
"""

import json
import platform
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
_LEFT_OUT = {"napari-unet-live", "torch"}
_HEAD = """\
# Made by scripts/lock.py for Linux x86-64 and Python 3.11; torch is not in it, see there.
# pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
"""


def main() -> None:
    """Ask pip what it would install, and note it."""
    if (platform.system(), platform.machine(), sys.version_info[:2]) != ("Linux", "x86_64", (3, 11)):
        sys.exit("this lock is for Linux x86-64 and Python 3.11")
    builders = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed", "--report", report]
        wanted = ["-c", "constraints.txt", "-e", ".[all]", "--group", "dev", *builders, "editables"]
        subprocess.run([*command, *wanted], cwd=ROOT, check=True)  # noqa: S603 - pip, with requirements of our own
        found = json.loads(report.read_text("utf-8"))["install"]
    lines = sorted(_line(package) for package in found if package["metadata"]["name"] not in _LEFT_OUT)
    LOCK.write_text(_HEAD + "".join(lines), "utf-8")
    print(f"{len(lines)} packages in {LOCK.name}")


def _line(package: dict[str, Any]) -> str:
    metadata, archive = package["metadata"], package["download_info"]["archive_info"]
    return f"{metadata['name'].lower()}=={metadata['version']} --hash=sha256:{archive['hashes']['sha256']}\n"


if __name__ == "__main__":
    main()
