"""The SHA-256 of a picture, as it stands in files that may come from a stranger: a file's name is
made of it.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

_HEXADECIMAL = r"^(?:[0-9a-f]{64})?\Z"

Digest = Annotated[str, msgspec.Meta(pattern=_HEXADECIMAL)]
"""64 hexadecimal digits, or empty: there is no picture. Anything else is refused when it is read.
"""


def is_digest(text: str) -> bool:
    """Whether a text is the hash of a picture; the empty one is none."""
    return bool(text and re.match(_HEXADECIMAL, text))
