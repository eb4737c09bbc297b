"""Edits at the desk: what is asked, what may run, how it ends, and what becomes of its picture."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.pictures import files
from editproof.harness.pictures.files import encode_png
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.review.answers import list_answers
from editproof.harness.review.asking import OTHER_FILES, find_request
from editproof.harness.review.bodies import describe_others, describe_question, describe_rerun
from editproof.harness.review.desk import Desk, apply_decisions, open_desk
from editproof.harness.review.rerunning import WORKING, Rerun, RerunQuestion, Reruns
from editproof.harness.running import runner
from editproof.harness.running.runner import RunConfig
from editproof.harness.suites.suite import load_suite
from editproof.harness.suites.trust import NO_TRUST, Trust
from editproof.pipelines.contract import Param
from editproof.pipelines.files import decode_mask
from tests.harness.review.made import judge_run, make_means
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply

PIPELINE = f"{Path(__file__).with_name('obliging_pipeline.py')}:build"
SIZE = 64

SUITE = f"""
name = "asked"
size = {SIZE}
scale = 1
seeds = [5]
metrics = ["psnr"]
[vectors]
logo = [2]
[models]
ns = "reference?inpaint.model=ns"
own = "{PIPELINE}"
"""

DRAWN = np.zeros((SIZE, SIZE), np.float32)
DRAWN[10:20, 30:50] = 1
MASK = encode_png(DRAWN)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the reference pipeline and of one from a file, accepted as it is, and judged."""
    folder = tmp_path_factory.mktemp("asked")
    (folder / "asked.toml").write_text(SUITE)
    config = RunConfig(
        suite=load_suite("asked.toml", folder),
        folder=folder / "runs" / "now",
        resume=False,
        jobs=1,
        timeout_s=30.0,
        cache=None,
        weights=NO_WEIGHTS,
    )
    made = runner.run(config, lambda *_: None, lambda _: None)
    judge_run(made, acceptance.accept(made, folder / "baselines" / "asked"))
    return folder


@pytest.fixture
def desk(judged: Path, tmp_path: Path) -> Desk:
    project = Path(shutil.copytree(judged, tmp_path / "project"))
    target = project / "baselines" / "asked"
    return open_desk(
        runs.load(project / "runs" / "now"),
        target,
        target.with_name("asked.decisions"),
        "ann",
        cases=project / "cases",
        answers=project / "runs" / "by-hand",
    )


Start = Callable[..., Reruns]


@pytest.fixture
def start(desk: Desk) -> Iterator[Start]:
    """Makes edits possible, with what the user allows."""
    opened: list[Reruns] = []

    def begin(trust: Trust = NO_TRUST, **pipelines: str) -> Reruns:
        opened.append(Reruns(desk, make_means(trust, **pipelines)))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def ask(
    number: int,
    *,
    mask: bytes = b"",
    prompt: str = "",
    settings: Mapping[str, Param] | None = None,
    small: bool = False,
) -> RerunQuestion:
    return RerunQuestion(number, mask, prompt, 5, settings or {}, small)


def find_number(desk: Desk, model: str) -> int:
    return next(n for n, one in enumerate(desk.others) if one.case.model.name == model)


def wait_for(rerun: Rerun, *states: str) -> Rerun:
    """The edit, when it is in one of the states; none: when it has ended."""
    for _ in range(1200):
        if rerun.state in states or (not states and rerun.state not in WORKING):
            return rerun
        time.sleep(0.05)
    pytest.fail(f"still {rerun.state}: {rerun.words}")


def test_those_that_need_review_come_first(desk: Desk) -> None:
    """Nothing changed, and every case can be edited again."""
    found = describe_others(desk)
    assert [found["cases"][n]["status"] for n in found["order"]] == ["needs_review", "done"]


def test_the_same_question_gives_the_same_picture(desk: Desk, start: Start) -> None:
    """Asked as in the run, the reference pipeline needs nobody's word, and repeats itself."""
    number = find_number(desk, "ns")
    case = desk.find_case(number)
    reruns = start()
    about = describe_question(desk, reruns, number)
    assert about["note"] == ""
    assert about["seed"] == 5
    models = next(one for one in about["settings"] if one["name"] == "inpaint.model")
    assert models["value"] == "ns"
    assert (
        next(one["choices"] for one in about["settings"] if one["name"] == "blend.mode")[0]
        == "hard"
    )
    rerun = wait_for(reruns.start(ask(number, prompt=about["prompt"])))
    assert (rerun.state, rerun.words) == ("done", "")
    assert rerun.picture == case.picture
    assert describe_rerun(rerun)["picture"] == case.picture[:12]


def test_a_mask_and_settings(desk: Desk, start: Start) -> None:
    """A drawn mask is what is replaced; a preview is small; a strange size is refused."""
    number = find_number(desk, "own")
    reruns = start(Trust(everything=True))
    first = reruns.start(ask(number, mask=MASK, settings={"fill.level": 0.25}))
    with pytest.raises(UsageError, match="as large as the input"):
        reruns.start(ask(number, mask=encode_png(DRAWN[:32])))
    third = reruns.start(ask(number, mask=MASK, small=True))
    assert wait_for(first).state == "done"
    image = files.load(reruns.find_picture(first.id))
    assert np.allclose(image[DRAWN > 0], 0.25, atol=1 / 255)
    assert np.array_equal(image[DRAWN == 0], files.load(desk.find_input(number))[DRAWN == 0])
    assert wait_for(third).state == "done"
    with pytest.raises(UsageError, match="a preview can't be kept as the right answer"):
        reruns.find_whole(third.id)
    with pytest.raises(UsageError, match="whole picture"):
        reruns.keep(third.id, "right")


def test_a_service_edits(desk: Desk, start: Start) -> None:
    """A service that the user named stands for the run's pipeline, and gets the drawn mask."""

    def paint(asked: Asked) -> Reply:
        mask = decode_mask(base64.b64decode(asked.json["mask"].rpartition(",")[2]))
        return Reply.of_png(encode_png(mask))

    with FakeServer() as server:
        server.on("GET /api/v1/model", Reply.of_json({"name": "lama"}))
        server.on("POST /api/v1/inpaint", paint)
        spec = f"iopaint:{server.url}"
        reruns = start(Trust(pipelines=frozenset({spec})), own=spec)
        rerun = wait_for(reruns.start(ask(find_number(desk, "own"), mask=MASK, prompt="a wall")))
    assert rerun.state == "done", rerun.words
    image = files.load(reruns.find_picture(rerun.id))
    assert np.array_equal(image[..., 0] > 0.5, DRAWN > 0.5)


def test_what_the_run_names_needs_a_word(desk: Desk, start: Start) -> None:
    """A file of the run's, and a setting that loads one, are refused before anything is loaded."""
    reruns = start()
    with pytest.raises(UsageError, match="--trust, or name it yourself: --pipeline 'own="):
        reruns.start(ask(find_number(desk, "own")))
    with pytest.raises(UsageError, match="--trust"):
        reruns.start(ask(find_number(desk, "ns"), settings={"inpaint.model": "spandrel:x.pth"}))
    with pytest.raises(UsageError, match="can't be read"):
        reruns.start(ask(find_number(desk, "ns"), mask=b"no picture"))
    assert reruns.list_all() == []


def test_failures_and_cancelling(desk: Desk, start: Start) -> None:
    """A pipeline that dies, refuses or hangs leaves the desk as it was, and the next edit works."""
    number = find_number(desk, "own")
    reruns = start(Trust(everything=True))
    died = reruns.start(ask(number, prompt="die"))
    refused = reruns.start(ask(number, prompt="refuse"))
    assert "exit code 3" in wait_for(died).words
    assert died.state == "failed"
    assert (wait_for(refused).status, refused.words) == ("refused", "as it was told")
    slow, waiting = (reruns.start(ask(number, prompt="sleep")) for _ in range(2))
    after = reruns.start(ask(number, mask=MASK))
    wait_for(slow, "editing")
    reruns.cancel(waiting.id)
    reruns.cancel(slow.id)
    assert wait_for(slow).state == "cancelled"
    assert wait_for(waiting).state == "cancelled"
    assert wait_for(after).state == "done"


def test_a_picture_becomes_an_answer(desk: Desk, start: Start) -> None:
    """It is measured, waits for the decisions, and is accepted beside the first answer."""
    number = find_number(desk, "own")
    case = desk.find_case(number).case
    reruns = start(Trust(everything=True))
    rerun = wait_for(reruns.start(ask(number, mask=MASK)))
    with pytest.raises(UsageError, match="say why"):
        reruns.keep(rerun.id, " ")
    wait_for(reruns.keep(rerun.id, "the grey one is right, too"))
    assert rerun.kept, rerun.words
    folder, answer = list_answers(desk.answers, "now", desk.digest)[0]
    assert (answer.author, answer.case) == ("ann", case.id)
    assert runs.load(folder).records[0].measurements[0].value is not None
    reruns.forget(rerun.id)
    assert list_answers(desk.answers, "now", desk.digest) == []
    wait_for(reruns.keep(rerun.id, "the grey one is right, too"))
    target, count = apply_decisions(desk)
    assert count == 1
    baseline = baseline_folder.load(target)
    assert [one.records[0].blobs["actual"] for one in baseline.also] == [rerun.picture]
    index = baseline_folder.read_state(target)
    assert index.accepted[-1].reason == "the grey one is right, too"


def test_files_of_others_are_not_read(desk: Desk) -> None:
    """A case whose files are not those of the run is asked with the run's picture alone."""
    case = desk.find_case(0).case
    foreign = replace(case, own="passwd", folder="/etc")
    asked = find_request(desk.run, foreign)
    assert asked.note == OTHER_FILES
    assert asked.request.mask is None
