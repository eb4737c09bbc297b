"""Heat maps: of which cases, on which scale, and when none can be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.metric import Plane
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.operations.draw_maps import parse_map_count
from editproof.harness.pictures.files import outline, store_indexed
from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.map_index import Maps, MapScale, load_maps, write_maps
from editproof.harness.records.palettes import make_palettes
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Evidence, Finding, Outcome, Verdict
from editproof.harness.running import maps

SUITE = """
name = "mapped"
size = 64
metrics = ["psnr", "ssim", "halo", "hue_offset"]

[vectors]
logo = [1, 2]

[models]
ns = "reference?inpaint.model=ns"
patch = "reference?inpaint.model=patch"
"""


HUE = Evidence("hue_offset@1", "edit", "mean", "°", 0.0, 9.0, 1.0, -8.0)


@pytest.fixture(scope="module", autouse=True)
def always_drawn() -> Iterator[None]:
    """A metric without weights stands for those that are always drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "DRAWN", frozenset({"halo"}))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run, and the maps that the report's command draws of it."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "mapped.toml").write_text(SUITE)
    arguments = [
        "run",
        str(folder / "mapped.toml"),
        "--out",
        str(folder / "run"),
        "--jobs",
        "1",
        "--no-cache",
        "--quiet",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert not (
        folder / "run" / "maps.json"
    ).exists()  # nothing is called out, so nobody waits for maps
    result = CliRunner().invoke(app, ["report", str(folder / "run"), "--maps", "2"])
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def run(made: Path) -> Run:
    return runs.load(made)


def finding(record: CaseRecord, outcome: Outcome) -> Finding:
    case = record.case
    return Finding(
        "picture",
        outcome,
        (case.family,),
        (case.model.name,),
        case.id,
        (case.id,),
        "worse",
        "worse",
    )


def judged(run: Run, *findings: Finding) -> Run:
    return run.with_verdict(
        Verdict(ExitCode.REGRESSION, Outcome.REGRESSED, (), findings, (), (), 0, "")
    )


def colours_at(run: Run, digest: str) -> Plane:
    return np.asarray(Image.open(run.blob(digest)).convert("RGB"), np.float64)


@pytest.mark.slow
def test_what_a_finding_calls_out_gets_maps_without_being_asked(run: Run) -> None:
    """Passes do not."""
    first, second, *_ = run.records
    assert maps.find_called_out(run) == ()
    found = judged(run, finding(first, Outcome.PASS), finding(second, Outcome.REGRESSED))
    assert maps.find_called_out(found) == (second.case.id,)


def test_maps_are_drawn_of_the_last_rungs_first(run: Run) -> None:
    """Of each family the last step, by the metrics that are drawn without being asked for."""
    drawn = load_maps(run.folder)
    shown = {record.case.id: record.case for record in run.records if record.case.id in drawn.cases}
    assert {(case.model.name, case.step) for case in shown.values()} == {("ns", 2)}
    assert all(set(found) == {"halo"} for found in drawn.cases.values())
    assert all(
        run.blob(digest).is_file() for found in drawn.cases.values() for digest in found.values()
    )


def test_a_metric_that_a_finding_shows_is_drawn_of_its_cases(run: Run) -> None:
    """Beside those that are always drawn; the page makes the others by itself."""
    first, second, *_ = run.records
    shown = replace(finding(first, Outcome.REGRESSED), evidence=HUE)
    before = load_maps(run.folder)
    write_maps(run.folder, Maps())
    found = judged(run, shown, finding(second, Outcome.REGRESSED))
    drawn = maps.draw(found, NO_WEIGHTS, most=2)
    write_maps(run.folder, before)
    assert set(drawn.cases[first.case.id]) == {"halo", "hue_offset"}
    assert set(drawn.cases[second.case.id]) == {"halo"}
    scale = drawn.scales["hue_offset"]
    assert (scale.unit, scale.better, scale.low) == ("ΔH*", "zero", -scale.high)


def test_damage_is_bright_where_it_is(run: Run) -> None:
    """The map of an edit's hue is brighter where the picture differs than where it hardly does."""
    before = load_maps(run.folder)
    drawn = maps.draw(run, NO_WEIGHTS, most=None)
    write_maps(run.folder, before)
    record = next(one for one in run.records if one.case.step == 2)
    expected, actual = (colours_at(run, record.blobs[kind]) for kind in ("expected", "actual"))
    error = np.abs(expected - actual).max(axis=2)
    colours = colours_at(run, drawn.cases[record.case.id]["hue_offset"])
    assert colours.shape[:2] == error.shape
    assert colours[error <= 1].mean() < colours[error >= np.percentile(error, 99)].mean()


def test_findings_choose_the_cases(run: Run) -> None:
    """Those that a finding calls out come first, in its order; then all others, if asked for."""
    first, second, third, *_ = run.records
    found = judged(
        run,
        finding(third, Outcome.PASS),
        finding(second, Outcome.REGRESSED),
        finding(first, Outcome.WAIVED),
    )
    ids = [record.case.id for record in maps.choose_cases(found, None)]
    assert ids[:3] == [second.case.id, first.case.id, third.case.id]
    assert set(ids) == {record.case.id for record in run.records}
    assert [record.case.id for record in maps.choose_cases(found, 1)] == [second.case.id]


def test_cases_without_a_picture_have_no_maps(run: Run) -> None:
    """There is nothing to draw of an edit that was refused or failed."""
    bare = run.with_records(tuple(replace(record, blobs={}) for record in run.records))
    assert maps.choose_cases(bare, None) == ()


def test_nothing_is_drawn_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again for no more than there is, the file is kept; asked for more, all of it is
    drawn.
    """
    before = load_maps(run.folder)
    monkeypatch.setattr(maps, "make_task", lambda case: pytest.fail("drawn again"))
    assert maps.draw(run, NO_WEIGHTS, most=1) == before
    monkeypatch.undo()
    assert len(maps.draw(run, NO_WEIGHTS, most=None).cases) == len(run.records)
    write_maps(run.folder, before)


def test_a_report_draws_them_of_all_cases_where_asked(run: Run) -> None:
    """`editproof report --maps all`."""
    before = load_maps(run.folder)
    result = CliRunner().invoke(app, ["report", str(run.folder), "--maps", "all"])
    drawn = load_maps(run.folder)
    write_maps(run.folder, before)
    assert result.exit_code == 0, result.output
    assert set(drawn.cases) == {record.case.id for record in run.records}


def test_another_scene_is_not_drawn(run: Run) -> None:
    """Where the scene of today is not the run's, a map would show something else: it is left out,
    and said why.
    """
    record = run.records[0]
    other = replace(
        record, blobs={**record.blobs, "expected": "0" * 64, "actual": record.blobs["expected"]}
    )
    before = load_maps(run.folder)
    drawn = maps.draw(run.with_records((other,)), NO_WEIGHTS, most=None)
    write_maps(run.folder, before)
    assert not drawn.cases
    assert "the scene is another now" in drawn.skipped[record.case.id]


def test_another_version_of_a_metric_is_not_drawn(run: Run) -> None:
    """The map must be of what the number is of."""
    metrics = {
        **run.manifest.metrics,
        "hue_offset": replace(run.manifest.metrics["hue_offset"], identity="hue_offset@0"),
    }
    before = load_maps(run.folder)
    changed = replace(run, manifest=replace(run.manifest, metrics=metrics))
    drawn = maps.draw(changed, NO_WEIGHTS, most=None)
    write_maps(run.folder, before)
    assert set(drawn.scales) == {"halo"}


def test_one_wild_pixel_does_not_darken_the_others() -> None:
    """The end of a scale is what hardly any damaged pixel exceeds; pixels without damage do not
    count.
    """
    plane = np.zeros(10_000, np.float16)
    plane[:1000] = 2
    plane[0] = 60_000
    metric = get_metric("delta_e00", NO_WEIGHTS)
    assert maps.scale_of(metric, [plane]).high == 60_000  # alone in its picture, it is the damage
    plane[0] = 200
    assert maps.scale_of(metric, [plane]).high == 2
    assert maps.scale_of(metric, [np.zeros(100, np.float16)]).high == 1


@pytest.mark.parametrize(
    ("better", "ends", "levels"),
    [
        ("lower", (0, 4), [0, 128, 255, 255]),
        ("higher", (-3, 1), [64, 0, 0, 0]),
        ("zero", (-4, 4), [128, 191, 255, 255]),
    ],
)
def test_the_harmless_end_is_dark(
    better: str, ends: tuple[float, float], levels: list[int]
) -> None:
    """Index 0 is harmless, or of signed damage the middle; values beyond the ends get the ends'
    colours.
    """
    scale = MapScale("x@1", "", better, *ends, cases=1)  # type: ignore[arg-type]
    assert maps.levels_of(np.array([[0.0, 2.0, 4.0, 9.0]]), scale).tolist() == [levels]


def test_palettes_are_dark_where_nothing_is_wrong() -> None:
    """256 colours each; sequential ones grow lighter throughout, diverging ones to both ends."""
    colours = {
        name: np.frombuffer(data, np.uint8).reshape(256, 3)
        for name, data in make_palettes().items()
    }
    luma = {name: rgb @ np.array([0.299, 0.587, 0.114]) for name, rgb in colours.items()}
    assert (np.diff(luma["sequential"]) > -1).all()
    assert luma["sequential"][0] < 5
    assert luma["diverging"][128] < 12
    assert min(luma["diverging"][[0, -1]]) > 190


def test_an_old_file_is_no_file(tmp_path: Path) -> None:
    """Maps of another schema are drawn again; a damaged file is said to be damaged."""
    write_maps(tmp_path, Maps(schema=0, pictures={"a": "b" * 64}))
    assert load_maps(tmp_path) == Maps()
    (tmp_path / "maps.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        load_maps(tmp_path)


def test_how_many_is_a_number_or_all() -> None:
    """Anything else is refused, with what would do."""
    assert (parse_map_count("all"), parse_map_count("7")) == (None, 7)
    with pytest.raises(UsageError, match="--maps takes"):
        parse_map_count("many")


def test_an_outline_surrounds_its_region(tmp_path: Path) -> None:
    """It is drawn outside, so that what it surrounds is seen; all else is transparent."""
    area = np.zeros((40, 60), bool)
    area[10:20, 30:40] = True
    digest = store_indexed(tmp_path, *outline(area, (1.0, 0.5, 0.0)))
    picture = np.asarray(Image.open(runs.blob_path(tmp_path, digest)).convert("RGBA"))
    drawn = picture[..., 3] > 0
    assert not (drawn & area).any()
    assert drawn[9, 30:40].all()
    assert drawn[20, 30:40].all()
    assert drawn.sum() == 12 * 12 - 10 * 10
    assert picture[9, 30].tolist() == [255, 128, 0, 255]


def test_a_run_has_an_outline_of_every_region_that_its_scene_has(run: Run) -> None:
    """Regions that the scene lacks have none."""
    blobs = run.records[0].blobs
    assert {"outline_edit", "outline_ring"} <= set(blobs)
    assert all(run.blob(digest).is_file() for digest in blobs.values())
