"""Any program as a pipeline: what it is given, and every way in which it can fail."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from editproof.pipelines import CaseName, ContractError, EditRequest, Pipeline
from editproof.pipelines.adapters.errors import AdapterError, AnswerError
from editproof.pipelines.adapters.names import find_adapter, name_table
from editproof.pipelines.loader import load, locate, parse
from editproof.pipelines.reach import beyond_shipped


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where edits have their folders: empty before and after each test."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.chdir(tmp_path)
    return place


@pytest.fixture
def request_() -> EditRequest:
    """A picture of noise, 6×8, whose left half is to be replaced."""
    levels = np.random.default_rng(0).integers(0, 256, (6, 8, 3))
    image = levels.astype(np.float32) / np.float32(255)
    mask = np.zeros((6, 8), np.float32)
    mask[:, :4] = 1
    case = CaseName("posters", "summer", "mine", "abc")
    return EditRequest(image, mask, "no price", seed=7, case=case)


def make_program(text: str, name: str = "edit") -> Path:
    """A shell script in the working folder."""
    path = Path(name)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_program_makes_the_picture(request_: EditRequest, temporary: Path) -> None:
    """What it writes is the result, bit for bit; its folder is gone afterwards."""
    make_program('cp "$1" "$2"')
    pipeline = load("cmd:./edit {image} {output}")
    result = pipeline(request_)
    assert result.image is not None
    assert np.array_equal(result.image, request_.image)
    assert [stage.name for stage in result.stages] == ["program"]
    assert not list(temporary.iterdir())


def test_every_placeholder_is_filled_within_its_word(request_: EditRequest) -> None:
    """A value with blanks, quotes, dollars or other placeholders stays one argument, as it is."""
    make_program('for one in "$@"; do echo "$one"; done > given; cp "$2" "${1#--out=}"')
    prompt = "a 'b' \"c\" $HOME {seed} `ls`; rm -rf x"
    command = "./edit --out={output} {image} {mask} '{prompt}' s{seed}e {scale} {width}x{height}"
    load(f"cmd:{command} {{case}} {{model}}")(replace(request_, prompt=prompt))
    given = Path("given").read_text().splitlines()
    assert given[3:] == [prompt, "s7e", "1", "8x6", "posters/summer", "mine"]
    assert [Path(one).name for one in given[:3]] == ["output.png", "image.png", "mask.png"]


@pytest.mark.parametrize("means_edit", ["white", "black", "alpha", "soft_alpha"])
def test_mask_is_given_the_way_that_was_asked_for(request_: EditRequest, means_edit: str) -> None:
    make_program('cp "$2" mask-given; cp "$1" "$3"')
    table = {"adapter": "cmd", "command": "./edit {image} {mask} {output}", "mask": means_edit}
    load(name_table(table, "x").locate(Path.cwd()))(request_)
    with Pil.open("mask-given") as mask:
        levels = np.asarray(mask.getchannel("A") if means_edit.endswith("alpha") else mask)
    assert request_.mask is not None
    wanted = request_.mask if means_edit == "white" else 1 - request_.mask
    assert np.array_equal(levels, np.uint8(wanted * 255))


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_pictures_go_in_and_out_in_the_format_that_was_asked_for(
    request_: EditRequest, kind: str
) -> None:
    make_program('cp "$1" given; cp "$1" "$2"')
    command = "./edit {image} {output}"
    table = {"command": command, "image_format": kind, "output_format": kind}
    result = load(name_table({"adapter": "cmd", **table}, "x").locate(Path.cwd()))(request_)
    with Pil.open("given") as given:
        assert given.format == kind.upper()
    assert kind.upper() in result.stages[0].decision


def test_program_sees_the_environment(
    request_: EditRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDIT_TOKEN", "t0ken")
    make_program('test "$EDIT_TOKEN" = t0ken && cp "$1" "$2"')
    assert load("cmd:./edit {image} {output}")(request_).image is not None


BAD_COMMANDS = {
    "./edit {image}": r"must hold \{output\}",
    "./edit {image} {out}": r"has \{out\}; there are \{image\} \{mask\} .*Did you mean `output`",
    "./edit 'open {output}": "can't be split into words: No closing quotation",
    " {image} {output}": "must start with a program",
    "": "Write cmd:COMMAND",
}


@pytest.mark.parametrize("command", BAD_COMMANDS)
def test_bad_command_is_named_before_anything_runs(command: str) -> None:
    with pytest.raises(ContractError, match=BAD_COMMANDS[command]):
        parse(f"cmd:{command}")


def test_program_that_is_not_there_is_named_when_it_is_loaded() -> None:
    """With what to do: a path, PATH, the execute bit."""
    Path("edit").write_text("x")
    with pytest.raises(AdapterError, match=r"no program .*/other\. Correct the path"):
        load("cmd:./other {output}")
    with pytest.raises(AdapterError, match=r"no program 'edit' in PATH\. Write \./edit"):
        load("cmd:edit {output}")
    with pytest.raises(AdapterError, match=r"no program 'surely-not' in PATH\. Install it"):
        load("cmd:surely-not {output}")
    with pytest.raises(AdapterError, match=r"is not executable\. Run `chmod \+x"):
        load("cmd:./edit {output}")


BAD_PROGRAMS = {
    "echo loading; echo; printf '\\033[31mno room\\033[0m\\non the disk\\n' >&2; exit 3": (
        "edit ended with exit code 3: no room / on the disk$"
    ),
    "kill -SEGV $$": "edit was ended by the signal SIGSEGV",
    "kill -KILL $$": "SIGKILL, which may mean that memory ran out",
    "true": r"wrote no picture to \{output\} \(output.png\)\. ",
    'cp "$1" "$2.jpg"': r"wrote no picture .*, but wrote output\.png\.jpg beside it",
    'echo no picture > "$2"': r"edit gave 11 bytes that can't be read as a picture",
    'mkdir "$2"': "wrote no picture",
    'mkfifo "$2"': "wrote no picture",
}


@pytest.mark.parametrize("text", BAD_PROGRAMS)
def test_failure_is_one_line(text: str, request_: EditRequest, temporary: Path) -> None:
    """With the exit code and the end of what it said; nothing of it is left."""
    make_program(text)
    with pytest.raises(AdapterError, match=BAD_PROGRAMS[text]) as raised:
        load("cmd:./edit {image} {output}")(request_)
    assert str(raised.value).isprintable()
    assert not list(temporary.iterdir())


def test_program_without_an_interpreter_is_named(request_: EditRequest) -> None:
    path = make_program("")
    path.write_text("#!/nowhere/python\n")
    with pytest.raises(AdapterError, match="Its first line must name an interpreter"):
        load("cmd:./edit {image} {output}")(request_)


def test_picture_of_another_size_is_an_error_or_resized(request_: EditRequest) -> None:
    Pil.new("RGB", (4, 3)).save("small.png")
    make_program('cp small.png "$1"')
    with pytest.raises(AnswerError, match="edit gave a picture of 4×3; 8×6 was asked for"):
        load("cmd:./edit {output}")(request_)
    table = {"adapter": "cmd", "command": "./edit {output}", "resize": "back"}
    result = load(name_table(table, "x").locate(Path.cwd()))(request_)
    assert result.image is not None
    assert result.image.shape == (6, 8, 3)
    assert result.config == {"resize": "back"}


def test_slow_program_is_killed_with_all_that_it_started(request_: EditRequest) -> None:
    make_program("sleep 60 & echo $! > child; echo waiting >&2; wait")
    table = {"adapter": "cmd", "command": "./edit {output}", "timeout_s": 0.5}
    pipeline = load(name_table(table, "x").locate(Path.cwd()))
    with pytest.raises(AdapterError, match=r"within 0\.5 s \(timeout_s\), .* killed: waiting"):
        pipeline(request_)
    assert is_gone(int(Path("child").read_text()))


def test_what_a_program_leaves_running_is_killed(request_: EditRequest) -> None:
    make_program('sleep 60 >/dev/null 2>&1 & echo $! > child; cp "$1" "$2"')
    assert load("cmd:./edit {image} {output}")(request_).image is not None
    assert is_gone(int(Path("child").read_text()))


def is_gone(number: int) -> bool:
    """Whether a process has ended, or does so soon."""
    for _ in range(100):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{number}/stat")
        if status.is_file() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # whoever adopted it has not looked yet
        time.sleep(0.02)
    os.kill(number, signal.SIGKILL)
    return False


def test_failure_names_the_script_that_a_program_runs(request_: EditRequest) -> None:
    Path("mine.py").write_text("raise SystemExit('no weights')\n")
    text = f"cmd:{sys.executable} -B mine.py {{output}}"
    with pytest.raises(
        AdapterError, match=r"python\S* mine\.py ended with exit code 1: no weights"
    ):
        load(text)(request_)


def test_flood_of_words_neither_stops_the_program_nor_fills_memory(
    request_: EditRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    """Megabytes on both channels; the error quotes the last lines alone."""
    make_program("yes word | head -c 3000000; yes word | head -c 3000000 >&2; echo end >&2; exit 1")
    with pytest.raises(AdapterError, match=r"exit code 1: word / word / end$"):
        load("cmd:./edit {output}")(request_)
    assert len(capfd.readouterr().err) > 3_000_000  # what it prints goes to the run's log


def test_prompt_that_no_argument_can_hold(request_: EditRequest) -> None:
    make_program("true")
    pipeline = load("cmd:./edit {prompt} {output}")
    for prompt, said in {"a\0b": "null byte", "x" * 300_000: "Argument list too long"}.items():
        with pytest.raises(AdapterError, match=f"edit can't be started: .*{said}"):
            pipeline(replace(request_, prompt=prompt))


def test_needed_mask_that_is_not_given(request_: EditRequest) -> None:
    make_program("true")
    with pytest.raises(ContractError, match="edit needs a mask"):
        load("cmd:./edit {mask} {output}")(replace(request_, mask=None))


def test_capabilities_come_from_the_command() -> None:
    """A mask, a seed and a scale that it is not told, it doesn't take."""
    make_program("true")
    plain = load("cmd:./edit {image} {output}").capabilities  # type: ignore[attr-defined]
    assert (plain.needs_mask, plain.takes_seed, plain.scales) == (False, False, (1,))
    told = load("cmd:./edit {mask} {seed} {scale} {output}").capabilities  # type: ignore[attr-defined]
    assert (told.needs_mask, told.takes_seed) == (True, True)
    assert told.scales == (1, 2, 3, 4, 5, 6, 7, 8)


def test_settings_start_where_their_file_lies(
    tmp_path: Path, request_: EditRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program, its scripts and the working directory; the run may start elsewhere."""
    (tmp_path / "tools").mkdir()
    make_program('cp "$1" "$2"; pwd > where', "tools/edit")
    spec = locate("cmd:./edit {image} {output}", tmp_path / "tools")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    load(spec)(request_)
    assert (tmp_path / "tools" / "where").read_text().strip() == str(tmp_path / "tools")


def version_pipeline() -> Pipeline:
    table = {"command": "./edit script.sh {output}", "version_command": "./edit --version"}
    return load(name_table({"adapter": "cmd", **table}, "x").locate(Path.cwd()))


def test_cached_only_where_the_program_says_its_version(request_: EditRequest) -> None:
    """Then the program's file, its scripts and the version make the fingerprint."""
    make_program("cat version")
    Path("script.sh").write_text("1")
    Path("version").write_text("v1")
    assert load("cmd:./edit script.sh {output}").fingerprint == ""  # type: ignore[attr-defined]
    seen = {version_pipeline().fingerprint}  # type: ignore[attr-defined]
    for path in ("edit", "script.sh", "version"):
        with Path(path).open("a") as file:
            file.write(" #")
        seen.add(version_pipeline().fingerprint)  # type: ignore[attr-defined]
    assert len(seen) == 4
    Path("version").write_text("")
    with pytest.raises(AdapterError, match="printed nothing"):
        version_pipeline()


def test_source_is_the_program_and_its_scripts() -> None:
    """So a run is not resumed with another program."""
    make_program("true")
    Path("script.sh").write_text("1")
    before = load("cmd:./edit script.sh {output}").source  # type: ignore[attr-defined]
    Path("script.sh").write_text("2")
    assert load("cmd:./edit script.sh {output}").source != before  # type: ignore[attr-defined]


def test_name_and_reach_say_which_program() -> None:
    spec = "cmd:python tools/edit.py --out {output} --size 8?"
    assert parse(spec).label == "cmd python edit.py"
    assert beyond_shipped(spec) == (f"run the program {spec[4:]!r}",)
    adapter = find_adapter(spec)
    assert adapter is not None
    assert adapter.table["command"] == spec[4:]
