"""Sets of cases by patterns and prompt files: the layouts that people publish, and every mistake
at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image as Pil

from editproof.harness.metrics.core.metric import require_part
from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import CaseFolder
from editproof.harness.suites.case_folders import (
    MOST_LISTED,
    describe_files,
    list_cases,
    list_families,
    name_family,
)
from editproof.harness.suites.case_reading import hash_case, read_case
from editproof.harness.suites.case_tables import FolderTable, make_case_folder
from editproof.harness.suites.own_cases import OwnCase
from editproof.harness.suites.trust import Trust
from tests.harness.suites.made_sets import SHAPE, write_mask, write_picture, write_rows


def list_set(folder: Path, **fields: Any) -> list[OwnCase]:
    return [own for own, _ in list_cases(CaseFolder("set", str(folder), **fields), 1)]


def find_error(folder: Path, **fields: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        list_set(folder, **fields)
    return caught.value


def all_lines(error: UsageError) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def describe(folder: Path, found: list[OwnCase]) -> list[tuple[str, str, str, list[str]]]:
    """Group, name, prompt and files of each."""
    return [
        (
            own.group,
            own.name,
            own.prompt,
            [f"{part}={path.relative_to(folder)}" for part, path in own.parts.items()],
        )
        for own in found
    ]


def test_a_star_is_the_name(tmp_path: Path) -> None:
    """The shortest form: one star in each pattern; masks and right answers need not all exist."""
    for name in ("b", "a"):
        write_picture(tmp_path / "in" / f"{name}.jpg")
    write_mask(tmp_path / "masks" / "a_mask.png")
    write_picture(tmp_path / "out" / "b.png")
    found = list_set(tmp_path, input="in/*.jpg", mask="masks/*_mask.png", expected="./out/*.png")
    assert describe(tmp_path, found) == [
        ("", "a", "", ["input=in/a.jpg", "mask=masks/a_mask.png"]),
        ("", "b", "", ["input=in/b.jpg", "expected=out/b.png"]),
    ]


def test_groups_are_families(tmp_path: Path) -> None:
    """A folder of the path; the same name may be in two groups."""
    for place in ("text/en/1", "text/cn/1", "style & mood/en/1"):
        write_picture(tmp_path / f"{place}_SRCIMG.png")
    folder = CaseFolder("gedit", str(tmp_path), input="{group}/en/{name}_SRCIMG.png")
    assert list_families(folder) == ("gedit/style - mood", "gedit/text")
    found = [own for own, _ in list_cases(folder, 1)]
    assert [(name_family(folder, own), own.name) for own in found] == [
        ("gedit/style - mood", "1"),
        ("gedit/text", "1"),
    ]
    one = CaseFolder("gedit", str(tmp_path), input=folder.input, groups=("text",))
    assert list_families(one) == ("gedit/text",)
    assert [own.group for own, _ in list_cases(one, 1)] == ["text"]
    with pytest.raises(UsageError, match="has no group 'texts'; it has: style - mood, text"):
        list_cases(CaseFolder("gedit", str(tmp_path), input=folder.input, groups=("texts",)), 1)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json"])
def test_rows_are_cases(tmp_path: Path, ending: str) -> None:
    """Every kind of prompt file: columns by name, a group, files below folders, numbers as text."""
    for name in ("animal/1", "people/2"):
        write_picture(tmp_path / "images" / f"{name}.jpg")
    rows: list[dict[str, object]] = [
        {"key": 7, "id": "animal/1.jpg", "ask": "add a\nhat", "type": "add"},
        {"key": 8, "id": "people/2.jpg", "ask": "remove, please", "type": ""},
    ]
    write_rows(tmp_path / f"ask.{ending}", rows)
    found = list_set(
        tmp_path,
        input="images/{id}",
        prompts=f"ask.{ending}",
        name_column="id" if ending == "json" else "key",
        prompt_column="ask",
        group_column="type",
    )
    names = ["animal/1.jpg", "people/2.jpg"] if ending == "json" else ["7", "8"]
    assert describe(tmp_path, found) == [
        ("add", names[0], "add a hat", ["input=images/animal/1.jpg"]),
        ("", names[1], "remove, please", ["input=images/people/2.jpg"]),
    ]


def test_rows_name_files_that_lie_deeper(tmp_path: Path) -> None:
    """Several rows a picture, several files a row, each somewhere below: MagicBrush."""
    for turn in (1, 2):
        write_mask(tmp_path / "images" / "242" / f"242-mask{turn}.png")
        write_picture(tmp_path / "images" / "242" / f"242-output{turn}.png", level=turn)
    write_picture(tmp_path / "images" / "242" / "242-input.png")
    rows = [
        {
            "input": "242-input.png" if turn == 1 else "242-output1.png",
            "mask": f"242-mask{turn}.png",
            "output": f"242-output{turn}.png",
            "instruction": f"turn {turn}",
        }
        for turn in (1, 2)
    ]
    write_rows(tmp_path / "edit_turns.json", rows)
    found = list_set(
        tmp_path,
        input="images/*/{input}",
        mask="images/*/{mask}",
        expected="images/*/{output}",
        prompts="edit_turns.json",
        name_column="output",
        prompt_column="instruction",
    )
    assert [own.prompt for own in found] == ["turn 1", "turn 2"]
    assert found[1].parts["input"] == found[0].parts["expected"]
    request, reference = read_case(found[0], 1)
    assert request.prompt == "turn 1"
    assert reference.areas["edit"].sum() == 200


def test_a_group_of_the_path_beside_rows(tmp_path: Path) -> None:
    """Rows say the prompt, folders the group."""
    write_picture(tmp_path / "add" / "1.png")
    write_rows(tmp_path / "p.csv", [{"name": "1", "prompt": "a hat"}])
    (own,) = list_set(tmp_path, input="{group}/{name}.png", prompts="p.csv")
    assert (own.group, own.name, own.prompt) == ("add", "1", "a hat")


def test_stars_for_folders(tmp_path: Path) -> None:
    """`**/` stands for any folders, none included; a link that leads back up is not followed."""
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "x" / "y" / "b.png")
    (tmp_path / "x" / "loop").symlink_to(tmp_path)
    assert [own.name for own in list_set(tmp_path, input="**/{name}.png")] == ["a", "b"]
    assert [own.name for own in list_set(tmp_path, input="{name}.*")] == ["a"]
    assert list_families(CaseFolder("s", str(tmp_path), input="{group}/**/{name}.png")) == ("s/x",)


def test_what_black_masks_mean(tmp_path: Path) -> None:
    """The same edit, written the other way round, is another case with the same regions."""
    write_picture(tmp_path / "in" / "a.png")
    write_mask(tmp_path / "white" / "a.png")
    write_mask(tmp_path / "black" / "a.png", inverted=True)
    (white,) = list_set(tmp_path, input="in/*.png", mask="white/*.png")
    (black,) = list_set(tmp_path, input="in/*.png", mask="black/*.png", mask_means_edit="black")
    masks = [require_part(read_case(own, 1)[0].mask) for own in (white, black)]
    assert (masks[0] == masks[1]).all()
    assert masks[0].sum() == 200
    assert hash_case(white) != hash_case(black)
    write_mask(tmp_path / "black" / "a.png", inverted=True, marked=False)
    error = find_error(tmp_path, input="in/*.png", mask="black/*.png", mask_means_edit="black")
    assert "black/a.png is all white: the mask marks nothing to edit. Black must" in str(error)


def test_the_prompt_wins_over_the_folders_word(tmp_path: Path) -> None:
    """`case.toml` holds for all; a row that has no prompt takes its."""
    (tmp_path / "case.toml").write_text('prompt = "remove it"\ngive_mask = false\n')
    for name in ("a", "b"):
        write_picture(tmp_path / f"{name}.png")
    write_rows(tmp_path / "p.csv", [{"name": "a", "prompt": "hat"}, {"name": "b", "prompt": ""}])
    found = list_set(tmp_path, input="{name}.png", prompts="p.csv")
    assert [read_case(own, 1)[0].prompt for own in found] == ["hat", "remove it"]
    assert len({hash_case(own) for own in found}) == 2


def test_right_answers_alone(tmp_path: Path) -> None:
    """Edits that exist already need no input: what is known is the right answer."""
    write_picture(tmp_path / "refs" / "a.png")
    (own,) = list_set(tmp_path, expected="refs/*.png")
    request, reference = read_case(own, 1)
    assert request.image.shape == (*SHAPE, 3)
    assert reference.expected is not None
    assert reference.input is None


def test_all_bad_cases_are_listed_at_once(tmp_path: Path) -> None:
    """Each with its file and reason; only so many, and how many more."""
    for number in range(30):
        write_picture(tmp_path / "in" / f"{number:02}.png")
        write_mask(tmp_path / "mask" / f"{number:02}.png", marked=number != 3)
        write_picture(tmp_path / "expected" / f"{number:02}.png")
    write_picture(tmp_path / "expected" / "01.png", size=(30, 30))
    (tmp_path / "in" / "02.png").write_bytes(b"nothing")
    error = find_error(tmp_path, input="in/*.png", mask="mask/*.png", expected="expected/*.png")
    assert str(error) == f"3 of 30 cases in {tmp_path} can't be used"
    lines = all_lines(error)
    assert "expected/01.png is 30×30; it must be the input's 60×40" in lines
    assert "in/02.png: it is not a picture" in lines
    assert "mask/03.png is all black: the mask marks nothing to edit. White must mark it" in lines
    for number in range(30):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(b"nothing")
    notes = getattr(find_error(tmp_path, input="in/*.png"), "__notes__", [])
    assert len(notes) == MOST_LISTED + 1
    assert notes[-1] == "and 10 more"


def test_bad_rows_are_listed_with_bad_files(tmp_path: Path) -> None:
    """By the row of the prompt file."""
    write_picture(tmp_path / "a.png")
    (tmp_path / "p.jsonl").write_text(
        '{"name": "a", "prompt": "x", "m": ""}\n{"name": "gone", "prompt": "x"}\n\nno json\n[1]\n'
        '{"name": "a", "prompt": "again"}\n{"prompt": "x"}\n'
        '{"name": "b", "prompt": "x", "m": "gone.png"}\n'
    )
    write_picture(tmp_path / "b.png")
    lines = all_lines(find_error(tmp_path, input="{name}.png", mask="{m}", prompts="p.jsonl"))
    assert "6 of 7 cases" in lines
    assert "row 2 of p.jsonl has no column 'm', which mask names" in lines
    assert "line 4 of " in lines
    assert "p.jsonl must be an object" in lines
    assert "row 8 of p.jsonl (b) names a mask that is not there: no file fits '{m}'" in lines


WRONG_TABLES = [
    ({"input": "a.png"}, "finds one file only: write {name}"),
    ({"input": "/abs/{name}.png"}, "must be relative to the folder"),
    ({"input": "{name}{.png"}, "a brace or a star that means nothing"),
    ({"input": "a**{name}.png"}, "a brace or a star that means nothing"),
    ({"input": "*/../{name}.png"}, r"has \.\. after a field or a star"),
    ({"input": "{a}{b}{c}{d}{e}{f}{g}{h}{name}"}, "more than 8 fields and stars"),
    ({"input": "{group}/x.png"}, "has no {name}"),
    ({"input": "{name}.png", "mask": "{other}.png"}, "field {other}, which input does not have"),
    ({"mask": "{name}.png"}, 'needs input = "PATTERN"'),
    ({"input": "{name}.png", "group_column": "type"}, "group_column needs prompts"),
    ({"input": "no/{name}.png"}, "holds no file that fits input = 'no/{name}.png'"),
    ({"input": "{name}.png", "mask": "no/{name}.png"}, "no file that fits mask = 'no/{name}.png'"),
    ({"input": "{name}.png", "prompts": "gone.csv"}, "gone.csv can't be read"),
    ({"input": "{name}.png", "prompts": "a.png"}, r"must end in \.jsonl, \.json, \.csv"),
    ({"input": "{name}.png", "prompts": "p.csv"}, "no column 'prompt'; it has: name, text"),
    ({"input": "{name}.png", "prompts": "empty.json"}, "has no rows"),
    ({"input": "{name}.png", "prompts": "number.json"}, "must hold a list of rows"),
    (
        {"input": "{x}.png", "prompts": "p.csv", "prompt_column": "text"},
        "no column 'x', which input",
    ),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_TABLES, ids=str)
def test_what_makes_no_sense_is_named(tmp_path: Path, fields: dict[str, str], message: str) -> None:
    write_picture(tmp_path / "a.png")
    write_rows(tmp_path / "p.csv", [{"name": "a", "text": "x"}])
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "number.json").write_text("7")
    assert message.replace("\\", "") in all_lines(find_error(tmp_path, **fields))


def test_two_files_of_one_name(tmp_path: Path) -> None:
    """Both are named, and what to do."""
    write_picture(tmp_path / "x" / "a.png")
    write_picture(tmp_path / "y" / "a.png")
    error = find_error(tmp_path, input="*/{name}.png")
    assert "x/a.png and " in str(error)
    assert "write more of the path into it" in str(error)


def test_files_are_found_again_where_the_set_was_moved(tmp_path: Path) -> None:
    """What a case remembers of its files is relative to the folder."""
    folder = CaseFolder("s", str(tmp_path / "set"), input="in/{name}.png", mask="m/{name}.*")
    write_picture(tmp_path / "set" / "in" / "a.png")
    write_mask(tmp_path / "set" / "m" / "a.png")
    ((own, scale),) = list_cases(folder, 2)
    assert scale == 2
    assert describe_files(folder, own) == {"input": "in/a.png", "mask": "m/a.png"}


PRIVATE = ("pattern", "row", "absolute row", "link", "prompts", "prompts link")


@pytest.mark.parametrize("way", PRIVATE)
def test_files_stay_in_the_folder(tmp_path: Path, way: str) -> None:
    """Whatever leads out of it: a pattern, a cell, a link. Only trust allows it."""
    secret = write_picture(tmp_path / "private" / "secret.png")
    rows = write_rows(tmp_path / "private" / "p.csv", [{"name": "a", "prompt": "a secret"}])
    base = tmp_path / "set"
    write_picture(base / "a.png")
    fields: dict[str, str] = {"input": "{name}.png"}
    if way == "pattern":
        fields = {"input": "../private/{name}.png"}
    elif way == "link":
        (base / "b.png").symlink_to(secret)
    elif way == "prompts":
        fields["prompts"] = "../private/p.csv"
    elif way == "prompts link":
        (base / "p.csv").symlink_to(rows)
        fields["prompts"] = "p.csv"
    else:
        cell = "../private/secret.png" if way == "row" else str(secret)
        write_rows(base / "p.csv", [{"name": "a", "prompt": "x", "file": cell}])
        fields = {"input": "{file}", "prompts": "p.csv"}
    error = find_error(base, **fields)
    assert "leads out of the folder of cases" in all_lines(error)
    assert "a secret" not in all_lines(error)
    folder = CaseFolder("set", str(base), **fields)  # type: ignore[arg-type]
    assert list_cases(folder, 1, Trust(cases=True))


HOSTILE_ROWS = {
    "nested": ("p.jsonl", b'{"name": ' + b"[" * 100_000, "nested too deeply"),
    "binary": ("p.csv", bytes(range(256)), "not UTF-8"),
    "long cell": ("p.csv", b"name,prompt\na," + b"x" * 200_000, "not valid CSV"),
    "long name": ("p.csv", b"name,prompt\n" + b"a" * 5000 + b",x", "has no input"),
    "null": ("p.jsonl", b'{"name": "a\\u0000b", "prompt": "x"}', "no table can show"),
    "escape": ("p.jsonl", b'{"name": "a\\u001b[2Jb", "prompt": "x"}', "no table can show"),
    "no name": ("p.jsonl", b'{"name": null, "prompt": "x"}', "has the name ''"),
    "digits": ("p.jsonl", b'{"name": ' + b"9" * 5000 + b', "prompt": "x"}', ""),
    "list": ("p.jsonl", b'{"name": ["a"], "prompt": {"a": 1}}', "has the name ''"),
}


@pytest.mark.parametrize("name", HOSTILE_ROWS)
def test_hostile_rows_are_refused_in_a_line(tmp_path: Path, name: str) -> None:
    file, data, message = HOSTILE_ROWS[name]
    write_picture(tmp_path / "a.png")
    (tmp_path / file).write_bytes(data)
    lines = all_lines(find_error(tmp_path, input="{name}.png", prompts=file))
    assert message in lines
    assert all(len(line) < 2100 and "\x1b" not in line for line in lines.split("\n"))


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert "a.png can't be read" in str(find_error(tmp_path, input="{name}.png"))


def test_a_palette_and_a_transparent_mask_are_seen(tmp_path: Path) -> None:
    """What marks nothing is found in every kind of mask file, and nothing else is."""
    write_picture(tmp_path / "a.jpg")
    box = Pil.open(write_mask(tmp_path / "m.png"))
    layer = Pil.merge("RGBA", (*Pil.new("RGB", box.size).split(), box))
    for mask in (box.convert("P"), box.convert("1"), layer, box.convert("RGB")):
        mask.save(tmp_path / "a_mask.png")
        (own,) = list_set(tmp_path, input="{name}.jpg", mask="{name}_mask.png")
        assert require_part(read_case(own, 1)[0].mask).sum() == 200


def read_tables() -> dict[str, CaseFolder]:
    """Every table of the docs."""
    page = Path(__file__).parents[3] / "docs" / "how-to" / "public-sets.md"
    found: dict[str, CaseFolder] = {}
    for text in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for name, table in tomllib.loads(text)["folders"].items():
            written = msgspec.convert(table, FolderTable)
            found[name] = make_case_folder(name, written, Path("/sets"))
    return found


Published = tuple[Sequence[str], Sequence[str], tuple[str, list[dict[str, object]]]]
"""Pictures, masks, and the prompt file with its rows."""

PUBLISHED: dict[str, Published] = {
    "gedit": (
        ("fullset/tone/en/k1.png", "fullset/tone/cn/k2.png"),
        (),
        ("gedit_edit.json", [{"key": key, "id": "x", "prompt": key} for key in ("k1", "k2")]),
    ),
    "imgedit": (
        ("animal/1.jpg", "people/2.jpg"),
        (),
        (
            "basic_edit.json",
            [
                {"key": key, "id": path, "prompt": key, "edit_type": "add"}
                for key, path in (("1", "animal/1.jpg"), ("2", "people/2.jpg"))
            ],
        ),
    ),
    "erase": (
        ("shot/1.png", "bg/1.png", "shot/2.jpg", "bg/2.jpg"),
        ("mask/1.png", "mask/2.png"),
        ("", []),
    ),
    "magicbrush": (
        ("images/7/7-input.png", "images/7/7-output1.png", "images/7/7-output2.png"),
        ("images/7/7-mask1.png", "images/7/7-mask2.png"),
        (
            "edit_turns.json",
            [
                {
                    "input": start,
                    "mask": f"7-mask{turn}.png",
                    "output": f"7-output{turn}.png",
                    "instruction": "x",
                }
                for turn, start in ((1, "7-input.png"), (2, "7-output1.png"))
            ],
        ),
    ),
    "brushbench": (
        ("images/a.jpg", "images/b.jpg"),
        ("masks/1.png", "masks/2.png"),
        (
            "mapping_file.json",
            [
                {"key": key, "image": image, "caption": "x", "inpainting_mask": [1, 2]}
                for key, image in (("1", "images/a.jpg"), ("2", "images/b.jpg"))
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_tables_of_the_docs_read_their_layouts(tmp_path: Path, name: str) -> None:
    """As far as a set of two cases in that layout can show."""
    pictures, masks, (prompts, rows) = PUBLISHED[name]
    folder = replace(read_tables()[name], path=str(tmp_path))
    for path in pictures:
        write_picture(tmp_path / path)
    for path in masks:
        write_mask(tmp_path / path, inverted=folder.mask_means_edit == "black")
    if prompts:
        write_rows(tmp_path / prompts, rows)
    found = [own for own, _ in list_cases(folder, 1)]
    assert len(found) == 2
    for own in found:
        request, reference = read_case(own, 1)
        assert bool(request.prompt) == bool(prompts)
        assert (request.mask is not None) == bool(masks)
        assert reference.areas["edit"].sum() == (200 if masks else 0)
    assert {own.group for own in found} == {{"gedit": "tone", "imgedit": "add"}.get(name, "")}


def test_a_file_that_no_record_can_name(tmp_path: Path) -> None:
    """A manifest holds the paths of the files, and no control character."""
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "x\x1b[2J" / "b.png")
    error = find_error(tmp_path, input="**/{name}.png")
    assert "has a name that no table can show: rename it" in str(error)
