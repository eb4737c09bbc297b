"""Records as lines: what is left out comes back, and what 0.1 wrote is read."""

from dataclasses import replace

import msgspec
import pytest

from editproof.harness.records.cases import Case, CaseError, CaseRecord, Measurement, StageRecord
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.json_files import add_checksum
from editproof.harness.records.record_lines import decode_record, encode_record
from editproof.harness.records.suites import Model

CASE = Case(
    id="30e184f199af5c18",
    key="",
    family="thin_text",
    step=1,
    params={"height_px": 28, "alpha": 1.0},
    size=256,
    scale=2,
    scene_seed=7,
    model=Model("ns", "reference?inpaint.model=ns"),
    seed=42,
)
NUMBERS = (
    Measurement("psnr@1", "all", "mean", 58.15768104406516, "dB"),
    Measurement("psnr@1", "all", "worst", 51.35, "dB", y=200, x=0),
    Measurement("psnr@1", "seams", "mean", None, "dB", "the region is empty in this scene"),
    Measurement("registration@1", "edit", "dy", None, "px", "too flat", y=3, x=4),
    Measurement("registration@1", "edit", "angle", 0.0, "°"),
    Measurement("psnr@1", "edit", "mean", 40.0, "dB"),
)
RECORD = CaseRecord(
    CASE,
    "done",
    "",
    0.5,
    cached=False,
    blobs={"actual": "ab" * 32},
    stages=(StageRecord("decode", 0.1, "", "", 12.5),),
    measurements=NUMBERS,
    cpu_s=0.0,
    turn=0,
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, measurements=(), stages=(), blobs={}),
        replace(RECORD, case=replace(CASE, own="a", files={"input": "a.png"}, turn=2, repeat=3)),
        replace(RECORD, status="error", error=CaseError("ValueError", "bad", "line 1\nline 2")),
        replace(RECORD, measurements=NUMBERS[::-1]),
    ],
)
def test_a_record_comes_back_as_it_was(record: CaseRecord) -> None:
    assert decode_record(encode_record(record), CaseRecord, "x", verified=True) == record


def test_a_line_of_0_1_is_read() -> None:
    whole = msgspec.json.encode(RECORD)
    assert decode_record(whole, CaseRecord, "x") == RECORD
    assert decode_record(add_checksum(whole), CaseRecord, "x", verified=True) == RECORD


def test_what_is_empty_takes_no_room() -> None:
    line = encode_record(RECORD)
    assert b'"own"' not in line
    assert b'"error"' not in line
    assert line.count(b'"psnr@1"') == 2  # once for each stretch of rows


@pytest.mark.parametrize(
    "numbers",
    [
        b"7",
        b"[7]",
        b'["rows"]',
        b'[{"metric":"psnr@1","unit":"dB","rows":7}]',
        b'[{"metric":"psnr@1","rows":[]}]',
        b'[{"metric":"psnr@1","unit":"dB","rows":[["all"]]}]',
        b'[{"metric":"psnr@1","unit":"dB","rows":[["all","mean",1.0,2]]}]',
        b'[{"metric":"psnr@1","unit":"dB","rows":[["all","mean",1.0,2,3,4]]}]',
        b'[{"metric":"psnr@1","unit":"dB","rows":[["all","mean","high"]]}]',
    ],
)
def test_numbers_of_another_form_are_damage(numbers: bytes) -> None:
    line = encode_record(replace(RECORD, measurements=()))
    body = line[: line.rindex(b',"checksum"')]
    damaged = add_checksum(body + b',"measurements":' + numbers + b"}")
    with pytest.raises(DamagedError, match="the file, line 3 is damaged or of another version"):
        decode_record(damaged, CaseRecord, "the file, line 3", verified=True)
