"""The command `editproof`, and `python -m editproof`.

Our packages have everyday names. Where the command is started, a folder may have its own `reports/` or `harness.py`, and
PYTHONPATH may point there; so imports of our four names are answered from beside this file before anything else is asked.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = frozenset({"harness", "pipelines", "reports", "vectors"})
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
    """Run the command line."""
    claim_packages()
    from harness.cli import app

    app(prog_name="editproof")


if __name__ == "__main__":
    main()
