"""Finished pictures as a pipeline: which is found, what is said where none is, and no way out of
the folder.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from editproof.pipelines import CaseName, ContractError, EditRequest, Status
from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.names import name_table
from editproof.pipelines.adapters.outputs import FinishedPictures
from editproof.pipelines.loader import fingerprint, load, locate, parse
from editproof.pipelines.reach import beyond_shipped


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, level: int = 100, size: tuple[int, int] = (8, 6)) -> None:
    """A picture of one level."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Pil.new("RGB", size, (level,) * 3).save(path)


def find(target: str, **fields: object) -> FinishedPictures:
    """The pipeline of that short form, with further fields."""
    spec = f"outputs:{target}"
    if fields:
        table = {"adapter": "outputs", "folder": target, **fields}
        spec = name_table(table, "pipelines.x").locate(Path.cwd())
    pipeline = load(spec)
    assert isinstance(pipeline, FinishedPictures)
    return pipeline


def ask(name: str = "cat", *, own: bool = True, seed: int = 7) -> EditRequest:
    case = CaseName("posters", name, "mine", "0123abcd", is_own=own)
    return EditRequest(np.zeros((6, 8, 3), np.float32), seed=seed, case=case)


def level(pipeline: FinishedPictures, request: EditRequest) -> int:
    """Of the picture that was found."""
    image = pipeline(request).image
    assert image is not None
    return round(float(image.mean()) * 255)


PATTERNS = {
    "results": "results/cat.png",
    "results/": "results/cat.jpg",
    "results/{case}.*": "results/cat.tiff",
    "results/{name}_{seed}.png": "results/cat_7.png",
    "results/{model}/{id}/out.png": "results/mine/0123abcd/out.png",
    "{family}/{name}-v2": "posters/cat-v2.webp",
    "./{name}_{seed}/{seed}.png": "cat_7/7.png",
}


@pytest.mark.parametrize("target", [one for one in PATTERNS if one[0] != "{"])
def test_pattern_finds_the_picture(target: str) -> None:
    put(PATTERNS[target], 150)
    assert level(find(target), ask()) == 150


def test_pattern_may_start_with_a_field() -> None:
    """In the full form, since a short form that starts with a brace is JSON."""
    put("posters/cat-v2.webp", 150)
    assert level(find(".", pattern="{family}/{name}-v2"), ask()) == 150


def test_drawn_case_is_known_by_family_and_step() -> None:
    """A file of the step alone would stand for every family."""
    put("results/1.png", 50)
    put("results/posters/1.png", 150)
    assert level(find("results"), ask("1", own=False)) == 150
    assert level(find("results"), ask("1", own=True)) == 50


def test_later_turn_has_a_picture_of_its_own() -> None:
    """The first turn's picture never stands for it."""
    put("results/cat.png")
    put("results/cat-2.png", 150)
    later = replace(ask(), case=replace(ask().case, turn=2))
    assert level(find("results/{name}-{turn}.png"), later) == 150
    with pytest.raises(AnswerError, match=r"no picture of turn 2: .* has no \{turn\}"):
        find("results/{name}.png")(later)


def test_own_case_may_lie_in_folders() -> None:
    put("results/a/b.png", 150)
    assert level(find("results"), ask("a/b")) == 150


def test_seeds_are_those_of_the_pattern() -> None:
    for seed in (3, 12, 7):
        put(f"results/cat_{seed}.png")
    put("results/cat_007.png")
    seeded, plain = find("results/{name}_{seed}.png"), find("results")
    assert seeded.seeds == (3, 7, 12)
    assert seeded.stochastic
    assert plain.seeds == ()
    assert not plain.stochastic


def test_missing_picture_is_an_error_that_names_the_nearest() -> None:
    put("results/cat_7.png")
    put("results/dog.png")
    with pytest.raises(AnswerError, match=r"no picture cat\.\* in .*/results\. The nearest: cat_7"):
        find("results")(ask())


def test_missing_picture_may_be_skipped() -> None:
    """It is refused with the same reason, so that it is counted, and no error."""
    put("results/dog.png")
    result = find("results", missing="skip")(ask())
    assert (result.status, result.image) == (Status.REFUSED, None)
    assert "no picture cat.*" in result.reason


def test_several_pictures_of_a_case_are_named() -> None:
    put("results/cat.png")
    put("results/cat.jpg")
    with pytest.raises(AnswerError, match=r"cat\.jpg and cat\.png in .* are both the picture"):
        find("results")(ask())
    assert level(find("results/{name}.png"), ask()) == 100


def test_picture_of_another_size_is_an_error_or_resized() -> None:
    put("results/cat.png", 150, size=(4, 3))
    with pytest.raises(AnswerError, match="4×3; 8×6 was asked for"):
        find("results")(ask())
    assert level(find("results?resize=back"), ask()) == 150


def test_nothing_that_fits_is_said_when_it_is_loaded() -> None:
    put("results/cat_7.png")
    with pytest.raises(ContractError, match=r"there is no folder .*/other"):
        load("outputs:other")
    with pytest.raises(ContractError, match=r"no picture in .* fits .*; it holds cat_7\.png"):
        load("outputs:results/{name}.jpg")
    Path("empty").mkdir()
    with pytest.raises(ContractError, match="it holds no picture"):
        load("outputs:empty")


BAD_PATTERNS = {
    "{nme}.png": "has {nme}; there are {case} {family} .* Did you mean `name`",
    "out.png": "names one file",
    "../{name}.png": r"without \.\.",
    "{name}/../../x.png": r"without \.\.",
    "/etc/{name}": r"without \.\.",
    "{family}//{name}": r"without \.\.",
    "{name}{seed}.png": "between two placeholders",
    "{name}*.png": "only the ending may be",
    "{name}{.png": "only the ending may be",
}


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_bad_pattern_is_named(pattern: str) -> None:
    table = {"adapter": "outputs", "folder": "results", "pattern": pattern}
    with pytest.raises(ContractError, match=BAD_PATTERNS[pattern]):
        name_table(table, "pipelines.x")


HOSTILE = [
    "../secret",
    "../../secret",
    "x/../../secret",
    "/etc/passwd",
    "{seed}",
    "{name}",
    "*",
    "cat\0",
    "a\nb",
    "..",
    "",
    "x" * 5000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    """Nor is it read for placeholders, or stands for other pictures."""
    put("secret.png")
    put("results/7.png")
    put("results/cat.png")
    for target in ("results", "results/{name}.png"):
        with pytest.raises(AnswerError, match="there is no picture"):
            find(target)(ask(name))


def test_hostile_file_names_are_found_as_they_are() -> None:
    for name in ("a\nb", "{seed}", "a b", "ü%20"):
        put(f"results/{name}.png", 150)
        assert level(find("results"), ask(name)) == 150


def test_links_lead_nowhere_outside() -> None:
    """A link to a picture inside is read; a folder that is a link is not looked into."""
    put("secret/cat.png")
    put("results/dog.png", 150)
    Path("results/pot.png").symlink_to("dog.png")
    Path("results/linked").symlink_to(Path("secret").resolve())
    assert level(find("results"), ask("pot")) == 150
    with pytest.raises(AnswerError, match="there is no picture"):
        find("results")(ask("linked/cat"))
    Path("results/cat.png").symlink_to(Path("secret/cat.png").resolve())
    with pytest.raises(ContractError, match=r"results/cat\.png leads out of the folder, to"):
        find("results")


def test_no_pipe_or_folder_is_taken_for_a_picture() -> None:
    import os

    put("results/dog.png")
    os.mkfifo("results/cat.png")
    Path("results/pot.png").mkdir()
    for name in ("cat", "pot"):
        with pytest.raises(AnswerError, match="there is no picture"):
            find("results")(ask(name))


def test_changed_picture_is_another_pipeline() -> None:
    """No cache answers for it; and one that changes during the run is an error."""
    put("results/cat.png", 100)
    put("results/dog.png", 100)
    spec = "outputs:results"
    pipeline = find("results")
    before = fingerprint(spec, pipeline)
    assert fingerprint(spec, find("results")) == before
    put("results/cat.png", 101)
    assert fingerprint(spec, find("results")) != before
    with pytest.raises(AnswerError, match="has changed since the run started"):
        pipeline(ask())
    put("results/new.png")
    put("results/cat.png", 100)
    assert fingerprint(spec, find("results")) != before


def test_damaged_picture_is_named() -> None:
    Path("results").mkdir()
    Path("results/cat.png").write_bytes(b"no picture")
    with pytest.raises(AnswerError, match=r"results/cat\.png gave 10 bytes that can't be read"):
        find("results")(ask())


def test_name_reach_and_place(tmp_path: Path) -> None:
    spec = "outputs:results/a/{name}_{seed}.png?missing=skip"
    assert parse(spec).label == "outputs a"
    assert beyond_shipped(spec) == ("read pictures in the folder results/a/",)
    assert str(tmp_path / "x" / "results" / "a") in locate(spec, tmp_path / "x")
