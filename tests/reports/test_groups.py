"""How findings are grouped, and said in a sentence."""

from __future__ import annotations

from harness.types import ExitCode, Finding, Outcome, Verdict
from reports.groups import broken, grouped, leading, open_groups
from reports.verdict import rows


def finding(
    family: str,
    model: str = "ns",
    stage: str = "",
    *,
    metric: str = "psnr@1",
    stat: str = "mean",
    outcome: Outcome = Outcome.REGRESSED,
    rule: str = "baseline",
) -> Finding:
    """One of a family and model."""
    return Finding(
        rule, family, model, metric, "edit", stat, outcome, 0.5, 1.0, -0.5, "dB", "id", 3, "fell", stage=stage
    )  # fmt: skip


def verdict(*found: Finding) -> Verdict:
    """A regression."""
    return Verdict(ExitCode.REGRESSION, (), found, "")


def test_one_row_of_each_metric_leads() -> None:
    """The worst region and statistic of a metric stands for it; the others are counted by metric."""
    found = [finding("logo", metric=metric, stat=stat) for stat in ("mean", "worst") for metric in ("psnr@1", "ssim@1")]
    (group,) = grouped(rows(verdict(*found)))
    assert [row.measure for row in group.leading] == ["PSNR mean in edit", "SSIM mean in edit"]
    assert (group.size, group.more(1), group.more(2)) == (4, "3 more checks of 2 metrics", "2 more checks of 2 metrics")


def test_what_has_no_stage_joins_its_family_and_model() -> None:
    """What is at risk beside a regression is no group of its own; what got better is."""
    found = [
        finding("logo", stage="blend"),
        finding("logo", stage="upscale"),
        finding("logo", outcome=Outcome.UNDERPOWERED),
        finding("logo", outcome=Outcome.IMPROVED),
    ]
    groups = open_groups(rows(verdict(*found)))
    assert [(group.stage, group.size) for group in groups] == [("blend", 2), ("upscale", 1), ("", 1)]


def test_every_group_has_a_row_before_any_has_two() -> None:
    """A family with hundreds of findings does not hide the next."""
    metrics = [f"m{number}@1" for number in range(9)]
    found = [finding(family, metric=metric) for family in "abc" for metric in metrics]
    groups = grouped(rows(verdict(*found)))
    assert [row.family for row in leading(groups, 5, 3)] == ["a", "a", "b", "b", "c"]
    assert [row.family for row in leading(groups, 2, 3)] == ["a", "b"]
    assert len(leading(groups, 100, 3)) == 9


def test_sentence_names_models_families_and_stages() -> None:
    """Which model got worse in which families, and the stage that most of a family's findings name."""
    found = [
        *[finding("logo", stage="refine_mask")] * 2,
        finding("logo", stage="upscale"),
        finding("microprint", stage="refine_mask"),
        finding("thin_text", stage="blend"),
        finding("logo", "patch"),
        finding("moire", "patch", outcome=Outcome.UNDERPOWERED),
    ]
    assert broken(verdict(*found)) == (
        "ns got worse in logo and microprint, first at refine_mask, and in thin_text, first at blend; patch got worse in logo"
    )
    assert broken(verdict()) == ""


def test_sentence_of_budgets_and_limits() -> None:
    """Without a baseline nothing got worse: it is past what it may be."""
    assert broken(verdict(finding("logo", rule="budget"))) == "ns is past its budgets in logo"
    assert broken(verdict(finding("logo", rule="limit", metric="seconds"))) == "ns takes more than its limit in logo"


def test_sentence_is_short() -> None:
    """However many families and models: some are named, the others counted."""
    found = [finding(f"family{number}", f"model{model}") for model in range(5) for number in range(6)]
    assert broken(verdict(*found)).endswith(
        "model2 got worse in family0, family1, family2, family3 and 2 more; and 2 more models"
    )
