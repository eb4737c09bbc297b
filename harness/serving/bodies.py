"""What is asked and what is answered, as JSON. Pictures go by the SHA-256 of their bytes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, computed_field

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$")]
Kind = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$")]


def _check_text(text: str) -> str:
    text.encode()  # JSON can name half a character, which nothing can write
    return text


Text = Annotated[str, AfterValidator(_check_text)]
Value = Text | bool | int | float
Unit = Annotated[float, Field(ge=0, le=1)]

MOST_SETTINGS = 500
LONGEST_PROMPT = 10_000
MAX_INT = 2**63 - 1
MAX_SCALE = 8


class Body(BaseModel):
    """No field is taken that nobody reads."""

    model_config = ConfigDict(extra="forbid", strict=False)


class EditQuestion(Body):
    """An edit to make."""

    image: Sha256 = Field(description="The picture to edit.")
    mask: Sha256 | None = Field(
        default=None,
        description="What must be replaced: white, or 1. Without it, the mask in force for the"
        " image, or what is detected.",
    )
    prompt: str = Field(default="", max_length=LONGEST_PROMPT)
    seed: int = Field(default=0, ge=-MAX_INT, le=MAX_INT)
    scale: int = Field(default=1, ge=1, le=MAX_SCALE, description="Output pixels per input pixel.")
    tier: Literal["final", "preview"] = Field(
        default="final",
        description="A preview has at most 512 px and is filled by the quickest model.",
    )
    settings: dict[Text, Value] = Field(
        default_factory=dict,
        max_length=MOST_SETTINGS,
        description="Settings for this edit by dotted name: GET /v1/schema.",
    )
    metadata: dict[Text, Value] = Field(
        default_factory=dict, max_length=MOST_SETTINGS, description="Facts about the asset."
    )
    strokes_add: Sha256 | None = Field(
        default=None, description="What somebody brushed over for removal."
    )
    strokes_subtract: Sha256 | None = Field(
        default=None,
        description="What somebody brushed over to keep it. Wins over everything else.",
    )
    protect: dict[str, Sha256] = Field(
        default_factory=dict,
        max_length=100,
        description="Micro-features that must survive, by name.",
    )


class PipelineQuestion(Body):
    """Settings that somebody thinks of."""

    settings: dict[Text, Value] = Field(default_factory=dict, max_length=MOST_SETTINGS)


class Line(Body):
    """A line of text."""

    corners: list[tuple[float, float]] = Field(
        min_length=4, max_length=4, description="(x, y) in pixels of the image."
    )
    confidence: Unit
    text: Text = ""


class EditState(Body):
    """An edit between two stages. What is left out is as it is before the first stage."""

    picture: Sha256 | None = Field(
        default=None, description="The picture so far. Default: the image."
    )
    mask: Sha256 | None = Field(default=None, description="Alpha of what is replaced.")
    fill: Sha256 | None = Field(
        default=None, description="The inpainter's proposal. Default: the image."
    )
    blended: Sha256 | None = Field(default=None, description="The picture with the fill in it.")
    enlarged_from: Sha256 | None = Field(default=None, description="What was enlarged.")
    filled: Sha256 | None = Field(default=None, description="1 where `fill` is final already.")
    status: Literal["done", "needs_review", "refused"] = "done"
    reason: Text = ""
    needs_text_removal: bool = True
    needs_inpainting: bool = True
    lines: list[Line] = Field(default_factory=list, description="Text among what is masked.")
    artefact_score: Unit = 0.0


class StageQuestion(EditQuestion):
    """A stage to run."""

    state: EditState = Field(default_factory=EditState)


class StageAnswer(Body):
    """What a stage hands on."""

    stage: str
    decision: str = Field(description="What was decided and why, for a person.")
    ms: float
    artefact: Sha256 | None = Field(description="The stage's output as a picture.")
    found: dict[str, float] = Field(description="What was measured, by name.")
    next: StageQuestion = Field(description="The body to send to the next stage.")


class StageReport(Body):
    """What one stage of an edit did."""

    name: str
    ms: float
    decision: str
    budget_ms: float = Field(default=0.0, description="What it was to take at most. 0: no budget.")

    @computed_field(description="Whether it kept its budget; null: it had none.")  # type: ignore[prop-decorator]
    @property
    def is_kept(self) -> bool | None:
        """Whether it kept its budget; None: it had none."""
        return self.ms <= self.budget_ms if self.budget_ms > 0 else None


class BudgetReport(Body):
    """How often a stage kept its budget."""

    stage: str
    budget_ms: float = Field(description="In force for edits that do not say otherwise. 0: none.")
    kept: int = Field(description="Edits in which it took no longer than its budget.")
    missed: int = Field(description="Edits in which it took longer.")

    @computed_field(description="Share kept, 0 to 1; null: it had a budget in no edit.")  # type: ignore[prop-decorator]
    @property
    def share(self) -> float | None:
        """Share kept, 0 to 1; None: it had a budget in no edit."""
        counted = self.kept + self.missed
        return self.kept / counted if counted else None


class BudgetsAnswer(Body):
    """How often stages kept their budgets."""

    edits: int = Field(description="How many edits were looked at: the latest 1000 at most.")
    stages: list[BudgetReport]


class EditAnswer(Body):
    """An edit that was made."""

    id: str
    status: Literal["done", "needs_review", "refused"]
    reason: str
    image: Sha256 | None = Field(description="The result, float32 as .npy; null: refused.")
    made_at: float = Field(description="Seconds since 1970.")
    seconds: float
    request: dict[str, Any] = Field(description="The request, with every setting that was used.")
    found_mask: Sha256 | None = Field(description="What was to be replaced, before refinement.")
    fingerprint: str = Field(description="Of settings, models, code and libraries.")
    request_id: str
    stages: list[StageReport]


class PictureAnswer(Body):
    """A picture that is kept."""

    sha256: Sha256
    width: int
    height: int
    media_type: str


class MaskAnswer(Body):
    """The mask that is in force for an image."""

    image: Sha256
    mask: Sha256


class ForgottenAnswer(Body):
    """How many of each were removed."""

    edits: int
    jobs: int
    pictures: int


class JobAnswer(Body):
    """An edit that is made later."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str = Field(description="The stage that runs, or ran last.")
    attempts: int = Field(description="How often it was begun.")
    edit: str | None = Field(description="Id of the edit, once it is made.")
    problem: dict[str, Any] | None = Field(description="Why it failed.")


class BulkQuestion(Body):
    """A list of pictures to edit alike."""

    images: list[Sha256] = Field(min_length=1, max_length=1000, description="The pictures.")
    classes: list[Kind] = Field(
        default=["text"],
        min_length=1,
        max_length=20,
        description="What is to go: `text`, `template`, `colour`, or a class that candidate masks"
        " were put for.",
    )
    tiers: list[Text] = Field(
        default_factory=list,
        max_length=8,
        description="Models from light to heavy. A heavier one is used where the result of the one"
        " before fails the check. Default: the server's `route.tiers`, or `ns` and `patch`.",
    )
    edit: bool = Field(default=True, description="false: only the candidate masks are computed.")
    prompt: str = Field(default="", max_length=LONGEST_PROMPT)
    seed: int = Field(default=0, ge=-MAX_INT, le=MAX_INT)
    scale: int = Field(default=1, ge=1, le=MAX_SCALE)
    settings: dict[Text, Value] = Field(default_factory=dict, max_length=MOST_SETTINGS)


class CandidatesAnswer(Body):
    """What might go from an image, by class."""

    image: Sha256
    candidates: dict[str, Sha256] = Field(description="The mask of each class.")


class BulkItem(Body):
    """One picture of a bulk."""

    image: Sha256
    job: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    candidates: dict[str, Sha256] = Field(description="The mask of each class.")
    mask: Sha256 | None = Field(description="What was replaced.")
    edit: str | None
    status: Literal["done", "needs_review", "refused"] | None
    result: Sha256 | None
    tier: str | None = Field(description="The heaviest model that was tried.")
    problem: dict[str, Any] | None


class BulkReport(Body):
    """What a bulk cost, and what it saved."""

    states: dict[str, int] = Field(description="How many pictures are in each state.")
    statuses: dict[str, int] = Field(description="How many edits ended in each way.")
    nothing_found: int = Field(description="Pictures with nothing to replace.")
    detections: int = Field(description="Candidate masks that were computed for this bulk.")
    detections_saved: int = Field(description="Candidate masks that were known already.")
    pictures_by_tier: dict[str, int] = Field(description="By the heaviest model that was tried.")
    seconds_by_tier: dict[str, float] = Field(description="What each model's attempts took.")
    seconds_heavy_only: float = Field(
        description="What the heaviest model alone would take for all these pictures."
    )
    seconds_saved: float = Field(description="Less than 0: the attempts cost more than they saved.")
    basis: Literal["measured", "estimated"] = Field(
        description="`measured`: the heaviest model ran in this bulk, and its times there were"
        " used for the other pictures."
    )


class BulkAnswer(Body):
    """A list of pictures, and how far it is."""

    id: str
    is_over: bool
    report: BulkReport
    items: list[BulkItem]
