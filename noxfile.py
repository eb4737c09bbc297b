"""What CI runs, session by session: `nox -s tests`, `slow`, `lint`, `types`, `e2e`, `quick`.

And `exhaustive`, what CI runs every night; `servers`, which tests adapters against real servers;
`cluster`, which tests runs past one machine, and `cluster_figures`, which measures them; `audit`,
which lists vulnerabilities and licences of the libraries; `bench`, which times the metrics;
`attack`, which tries to break everything; `serve_load` and `serve_schema`, which try to break the
server, and `serve_figures`, which measures it; `studies`, which measures single choices; `older`
and `newer`, which run a suite on other releases; `train`, which makes `microfill`.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint", "types"]

CONSTRAINTS = ("-c", "constraints.txt")

PARALLEL = ("-n", "auto", "--dist", "worksteal")

LONGEST_START_S = 300
"""Of a server, where nothing of it is compiled yet."""


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after `--` go to pytest."""
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests of whole runs, which `tests` leaves out; arguments after `--` go to pytest."""
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    session.run("pytest", "-m", "slow and not exhaustive", *PARALLEL, *session.posargs)


@nox.session
def exhaustive(session: nox.Session) -> None:
    """Run every combination of every grid, and what takes long, as CI does every night; arguments
    after `--` go to pytest.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev,e2e]")
    session.run("pytest", "-m", "exhaustive", *PARALLEL, *session.posargs)
    session.run("pytest", "tests/e2e", "-m", "exhaustive", *PARALLEL, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*CONSTRAINTS, "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install(*CONSTRAINTS, "-e", ".[dev,e2e]")
    session.run("mypy", "--num-workers", str(os.cpu_count()))


@nox.session
def e2e(session: nox.Session) -> None:
    """Look at real reports in Chromium, which must be on the PATH; arguments after `--` go to
    pytest.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev,e2e]")
    session.run("pytest", "tests/e2e", *PARALLEL, *session.posargs)


@nox.session
def servers(session: nox.Session) -> None:
    """Test adapters against real servers, each in an environment of its own; arguments after `--`
    go to pytest.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    home = Path(session.create_tmp()).resolve()
    with _run_iopaint(session, home / "iopaint") as url:
        env = {"EDITPROOF_IOPAINT": url}
        session.run("pytest", "tests/servers/test_iopaint.py", *session.posargs, env=env)


@nox.session
def trackers(session: nox.Session) -> None:
    """Test `editproof export` against a real tracking server of MLflow, which has an environment of
    its own; arguments after `--` go to pytest.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    home = Path(session.create_tmp()).resolve()
    with _run_mlflow(session, home / "mlflow") as url:
        env = {"EDITPROOF_MLFLOW": url}
        session.run("pytest", "tests/servers/test_mlflow.py", *session.posargs, env=env)


@nox.session
def cluster(session: nox.Session) -> None:
    """Test runs past one machine: at an S3 API, which has an environment of its own, and on a local
    Ray cluster. Arguments after `--` go to pytest: `-m "not slow"` kills nobody but an actor.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev,stores,ray-serve]")
    home = Path(session.create_tmp()).resolve()
    with _run_moto(session, home / "moto") as url:
        served = "tests/harness/serving/test_object_stores.py"
        words = ("tests/harness/stores", served, "tests/cluster", "-m", "slow or not slow")
        session.run("pytest", *words, *session.posargs, env={"EDITPROOF_S3": url})


@nox.session
def cluster_figures(session: nox.Session) -> None:
    """Measure runs on a local Ray cluster, kill what can be killed for an hour, and write
    benchmarks/CLUSTER.md.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev,ray]")
    session.run("python", "-m", "benchmarks.cluster_speed")
    session.run("python", "-m", "benchmarks.cluster_kills", *(session.posargs or ["60"]))


@nox.session
def serve_load(session: nox.Session) -> None:
    """Ask `editproof serve` ten thousand times, while it is killed every few seconds, in a crowd,
    and for its memory, and write that into benchmarks/SERVING.md. EDITPROOF_LOAD is how often;
    arguments after `--` go to pytest.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    env = {
        "EDITPROOF_LOAD": os.environ.get("EDITPROOF_LOAD", "10000"),
        "EDITPROOF_LOAD_PAGE": "benchmarks/SERVING.md",
    }
    session.run("pytest", "tests/load", "-s", *session.posargs, env=env)


@nox.session
def serve_schema(session: nox.Session) -> None:
    """Ask `editproof serve` for whatever its OpenAPI document allows, and for what it does not:
    every answer must be documented, and none a crash. Arguments after `--` go to schemathesis.
    """
    session.install(*CONSTRAINTS, "-e", ".[serve]")
    home = Path(session.create_tmp()).resolve()
    _install_server(session, home / "schemathesis", "schemathesis>=4")
    state = home / "state"
    shutil.rmtree(state, ignore_errors=True)
    words = ["--folder", str(state), "--set", "detect.text=false"]
    command = [_find_program("editproof", session), "serve", *words]
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    with _serve(session, home, command, {}) as url:
        asked = ("run", f"{url}/openapi.json", "--checks", checks, "--continue-on-failure")
        program = str(home / "schemathesis" / "bin" / "st")
        session.run(program, *asked, *(session.posargs or ["--max-examples", "20"]), external=True)


@nox.session
def serve_figures(session: nox.Session) -> None:
    """Measure what `editproof serve` adds to an edit, beside IOPaint in an environment of its own,
    and write benchmarks/SERVING.md.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    home = Path(session.create_tmp()).resolve()
    with _run_iopaint(session, home / "iopaint") as url:
        session.run("python", "-m", "benchmarks.serving", "--beside", url)


@contextmanager
def _run_iopaint(session: nox.Session, home: Path) -> Iterator[str]:
    """Install IOPaint into that folder, and serve its `cv2` model, which needs no weights."""
    needed = ("-r", "tests/servers/iopaint.txt", "standard-imghdr; python_version >= '3.13'")
    _install_server(session, home, *needed)
    (home / "models").mkdir(exist_ok=True)
    command = [str(home / "bin" / "iopaint"), "start", "--model", "cv2", "--device", "cpu"]
    env = {"HF_HOME": str(home / "models"), "HF_HUB_OFFLINE": "1"}
    with _serve(session, home, [*command, "--model-dir", str(home / "models")], env) as url:
        yield url


@contextmanager
def _run_moto(session: nox.Session, home: Path) -> Iterator[str]:
    """Install moto into that folder, and serve its S3 API."""
    _install_server(session, home, "moto[server,s3]>=5.1")
    command = [str(home / "bin" / "python"), "-m", "moto.server"]
    with _serve(session, home, command, {}) as url:
        yield url


def _find_program(name: str, session: nox.Session) -> str:
    """Where a program lies: in the session's environment, or with `--no-venv` on the PATH."""
    folders = [*(session.bin_paths or ()), os.environ["PATH"]]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if not found:
        session.error(f"{name} is neither in the session's environment nor on the PATH")
    return found


@contextmanager
def _run_mlflow(session: nox.Session, home: Path) -> Iterator[str]:
    """Install MLflow into that folder, and serve it, with its database and artifacts there."""
    _install_server(session, home, "mlflow>=3")
    command = [str(home / "bin" / "mlflow"), "server", "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{home / 'runs.db'}"]
    place = ["--artifacts-destination", str(home / "artifacts")]
    with _serve(session, home, [*command, *store, *place], {}) as url:
        yield url


def _install_server(session: nox.Session, home: Path, *needed: str) -> None:
    """Install a server into an environment of its own."""
    python = str(home / "bin" / "python")
    for words in (
        ("venv", "--quiet", "--allow-existing", str(home)),
        ("pip", "install", "--quiet", "--python", python, *needed),
    ):
        session.run("uv", *words, external=True)


@contextmanager
def _serve(
    session: nox.Session, home: Path, command: list[str], env: dict[str, str]
) -> Iterator[str]:
    """Start a server that only this machine reaches, and give its URL when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [*command, "--host", "127.0.0.1", "--port", port]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **env})
        try:
            _wait_for(int(port), server, session)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes], session: nox.Session) -> None:
    start = time.monotonic()
    while server.poll() is None and time.monotonic() - start < LONGEST_START_S:
        with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=5)) as asked:
            asked.request("GET", "/")
            asked.getresponse()
            session.log(f"it answers after {time.monotonic() - start:.0f} s")
            return
        time.sleep(0.2)
    session.error("the server did not start; its log lies beside its environment: server.log")


@nox.session
def report_speed(session: nox.Session) -> None:
    """Time the report of ten thousand cases in Chromium, and write benchmarks/REPORT.md."""
    session.install(*CONSTRAINTS, "-e", ".[e2e]")
    session.run("python", "-m", "benchmarks.report", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the main job from an empty folder, as a newcomer does."""
    session.install(*CONSTRAINTS, ".")
    session.chdir(session.create_tmp())
    session.run("editproof", "run", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation as a site that needs no network; a broken link fails."""
    session.install("mkdocs-material>=9.5")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Time the metrics beside their peers, and write benchmarks/RESULTS.md; arguments after `--` go
    to it.
    """
    session.install(*CONSTRAINTS, "-e", ".[bench]")
    # Of what it asks for, half a gigabyte, the two metrics that are timed need nothing.
    session.install(*CONSTRAINTS, "--no-deps", "pyiqa")
    session.run("python", "-m", "benchmarks.metrics", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of what editproof installs, and list its licences; arguments
    after `--` go to pip-licenses.
    """
    session.install(*CONSTRAINTS, ".[stores,ray-serve]")
    session.install("pip-audit>=2.9", "pip-licenses>=5.0")
    said = session.run(
        *("pip-audit", "--local", "--progress-spinner", "off", "--format", "json"),
        success_codes=range(256),
        silent=True,
        stderr=None,
    )
    found = _vulnerabilities(str(said), session)
    session.run("pip-licenses", "--order=license", *session.posargs)
    if found:
        session.error(f"known vulnerabilities: {'; '.join(found)}")


def _vulnerabilities(said: str, session: nox.Session) -> list[str]:
    """Release and number of each, from pip-audit's JSON; what was not looked up is told aloud."""
    try:
        libraries = json.loads(said[said.index("{") :])["dependencies"]
    except ValueError:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        session.warn(f"no vulnerability was looked up: pip-audit could not ask its service: {last}")
        return []
    known = [library for library in libraries if "vulns" in library]
    if len(known) < len(libraries):
        session.warn(
            f"vulnerabilities of {len(known)} of {len(libraries)} libraries were looked up: the"
            " service does not know the others, or can't be reached"
        )
    return [
        f"{library['name']} {library['version']}: {vulnerability['id']}"
        for library in known
        for vulnerability in library["vulns"]
    ]


@nox.session
def train(session: nox.Session) -> None:
    """Train the inpainting model that ships with us, in a folder of the session's; arguments after
    `--` go to it.
    """
    session.install(*CONSTRAINTS, "-e", ".")
    session.run(
        "python",
        "-m",
        "editproof.pipelines.models.train_microfill",
        *(session.posargs or [session.create_tmp()]),
    )


@nox.session
def studies(session: nox.Session) -> None:
    """Measure what single choices of a pipeline do, and write docs/studies.md; arguments after `--`
    go to it.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    session.run("python", "-m", "benchmarks.studies", *session.posargs)


@nox.session
def attack(session: nox.Session) -> None:
    """Try every death, damage and bad input there is, and write benchmarks/ATTACK.md; arguments
    after `--` go to pytest.
    """
    session.install(*CONSTRAINTS, "-e", ".[dev]")
    tried = {
        "EDITPROOF_ATTACK_TRIALS": "600",
        "EDITPROOF_ATTACK_EVERY": "1",
        "EDITPROOF_ATTACK_PAGE": "benchmarks/ATTACK.md",
    }
    words = ("tests/robustness", "-m", "slow or not slow", *PARALLEL)
    session.run("pytest", *words, *session.posargs, env=tried)


OLDER = (
    "numpy==2.0.*",
    "scipy==1.13.*",
    "scikit-image==0.24.*",
    "opencv-python-headless==4.10.*",
    "pillow==11.0.*",
)


@nox.session
def older(session: nox.Session) -> None:
    """Run a suite on the oldest releases that we allow: `nox -s older -- run quick --out FOLDER`.

    `editproof calibrate --rerun FOLDER` then judges that run as a harmless change.
    """
    session.install("-e", ".", *OLDER)
    session.run("editproof", *session.posargs)


@nox.session
def newer(session: nox.Session) -> None:
    """Run a suite on the newest releases there are, as `older` does."""
    session.install("--upgrade", "-e", ".")
    session.run("editproof", *session.posargs)
