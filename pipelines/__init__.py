"""What is under test: the edit contract, the reference pipeline, and how a pipeline is named and
loaded.

from editproof.pipelines import EditRequest, EditResult, reference

pipeline = reference.build(**{"inpaint.model": "patch"})
result = pipeline(EditRequest(image=image, scale=2))
"""

from editproof.pipelines.contract import (
    Capabilities,
    CaseName,
    ContractError,
    EditRequest,
    EditResult,
    Image,
    Mask,
    Pipeline,
    StageTrace,
    Status,
)

__all__ = [
    "Capabilities",
    "CaseName",
    "ContractError",
    "EditRequest",
    "EditResult",
    "Image",
    "Mask",
    "Pipeline",
    "StageTrace",
    "Status",
]
