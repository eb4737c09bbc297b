"""The command `editproof`, and `python -m editproof`.

Our packages have everyday names. Where the command is started, a folder may have its own `reports/` or `harness.py`, and
PYTHONPATH may point there; so imports of our four names are answered from beside this file before anything else is asked.
"""

import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from io import TextIOWrapper
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType

PACKAGES = frozenset({"harness", "pipelines", "reports", "vectors"})
INCOMPLETE = 3
ROOT = str(Path(__file__).resolve().parent)


class OwnPackages:
    """Finds our packages beside this file, whatever the path says."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Answer for our own names, and for no other."""
        return PathFinder.find_spec(name, [ROOT], target) if name in PACKAGES and path is None else None


def claim_packages() -> None:
    """From now on, our packages' names mean ours."""
    sys.meta_path.insert(0, OwnPackages)


def main() -> None:
    """Run the command line.

    Whatever it did not foresee ends with exit code 3, never 1, which means a regression; the traceback goes to a file.
    """
    claim_packages()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        from harness.cli import app

        app(prog_name="editproof")
    except Exception as error:  # noqa: BLE001 - the outermost boundary: an exit code that CI can't take for a verdict
        with NamedTemporaryFile("w", prefix="editproof-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        line = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"editproof: this is a bug: {line}. Please report it with {file.name}\n")
        sys.exit(INCOMPLETE)


if __name__ == "__main__":
    main()
