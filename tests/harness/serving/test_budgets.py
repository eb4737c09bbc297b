"""Time budgets: kept or missed, by edit, by stage, and for Prometheus."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, Server, Start
from tests.harness.serving.test_jobs import FILES
from tests.harness.serving.test_pages import BROWSER

TIGHT = {"inpaint.budget_ms": 0.000001, "mask.budget_ms": 1e9}
"""One that can't be kept, and one that can't be missed."""


@pytest.fixture
def budgeted(start: Start) -> Server:
    return start(pipeline={"detect.text": False, **TIGHT})


def stage_of(stages: list[dict[str, Any]], name: str, key: str = "name") -> dict[str, Any]:
    return next(stage for stage in stages if stage[key] == name)


def test_an_edit_says_which_budgets_it_kept(budgeted: Server) -> None:
    """A stage without one says nothing; its page has a column."""
    edit = budgeted.client.post("/v1/edit", files=FILES).json()
    assert stage_of(edit["stages"], "inpaint")["is_kept"] is False
    assert stage_of(edit["stages"], "refine_mask")["is_kept"] is True
    assert stage_of(edit["stages"], "refine_mask")["budget_ms"] == 1e9
    assert stage_of(edit["stages"], "blend")["is_kept"] is None
    page = budgeted.client.get(f"/v1/edits/{edit['id']}", headers=BROWSER).text
    assert "1e-06 ms, missed" in page
    assert "2 of 3 budgets kept." in page


def test_shares_are_of_the_budgets_that_edits_had(budgeted: Server) -> None:
    """Also one that came with the edit."""
    image, mask = budgeted.put(IMAGE_PNG), budgeted.put(MASK_PNG)
    budgeted.edit(image=image, mask=mask)
    generous = {"inpaint.budget_ms": 1e9}
    budgeted.edit(image=image, mask=mask, settings=generous)
    answer = budgeted.client.get("/v1/budgets").json()
    assert answer["edits"] == 2
    inpaint = stage_of(answer["stages"], "inpaint", "stage")
    assert inpaint == {
        "stage": "inpaint",
        "budget_ms": 0.000001,
        "kept": 1,
        "missed": 1,
        "share": 0.5,
    }
    assert stage_of(answer["stages"], "check_mask", "stage")["share"] == 1.0
    assert stage_of(answer["stages"], "blend", "stage")["share"] is None
    text = budgeted.client.get("/metrics").text
    assert 'editproof_stage_budget_share{stage="inpaint"} 0.5' in text
    assert 'editproof_stage_budget_share{stage="check_mask"} 1.0' in text


def test_without_budgets_the_page_has_no_column(server: Server) -> None:
    edit = server.client.post("/v1/edit", files=FILES).json()
    page = server.client.get(f"/v1/edits/{edit['id']}", headers=BROWSER).text
    assert "Budget" not in page
