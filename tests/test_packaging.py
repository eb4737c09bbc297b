"""What an installed editproof is: one package, whatever other packages are called."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_puts_one_package_into_an_environment(wheel: Path, tmp_path: Path) -> None:
    """And its own metadata; the plugin lies inside."""
    target = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as file:  # what an installer does with a pure wheel
        file.extractall(target)
    assert sorted(path.name for path in target.iterdir() if path.suffix != ".dist-info") == [
        "editproof"
    ]
    for package in ("harness", "pipelines", "reports", "vectors"):
        assert (target / "editproof" / package / "__init__.py").is_file()
    assert (target / "editproof" / "pytest_plugin.py").is_file()
    assert (target / "editproof" / "harness" / "suites" / "shipped" / "quick.toml").is_file()
    assert not list(target.rglob("__pycache__"))


def test_packages_of_others_may_have_our_old_names(wheel: Path, tmp_path: Path) -> None:
    """A user's `harness`, `pipelines`, `reports` and `vectors` are the user's; ours still work."""
    target, theirs = tmp_path / "site-packages", tmp_path / "project"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(target)
    for name in ("harness", "pipelines", "reports", "vectors"):
        (theirs / name).mkdir(parents=True)
        (theirs / name / "__init__.py").write_text("SETTING = 1\n")
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import harness, pipelines, reports, vectors\n"
        "from pipelines import SETTING\n"
        "import editproof\n"
        "from editproof.pipelines import EditRequest\n"
        "from editproof.vectors import VECTORS\n"
        "print(editproof.__file__, EditRequest.__module__, len(VECTORS))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(theirs), str(target)],
        cwd=theirs,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.startswith(f"{target / 'editproof' / '__init__.py'} editproof.pipelines.")


def test_a_script_of_the_first_version_is_told_what_to_do() -> None:
    """An old bundle's `repro.py` calls `claim_packages` first."""
    code = "import editproof; editproof.claim_packages()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Run `editproof blame` again" in done.stderr
