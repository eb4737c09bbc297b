"""What every adapter can be told: the fields of `[pipelines.NAME]`, with their defaults. What one
adapter can be told beside them stands in its own module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from editproof.pipelines.adapters.secrets import check_address, check_headers, find_variables
from editproof.pipelines.contract import MAX_ARTEFACT_EDGE_PX, Capabilities

MAX_SECONDS = 86_400.0

HERE = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that are this machine."""

MaskKind = Literal["white", "black", "alpha", "soft_alpha"]
"""What means "edit here": white, black, or where the picture's alpha is 0."""


class AdapterFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every adapter can be told."""

    FILES: ClassVar[tuple[str, ...]] = ()
    """Fields that name a file or a folder."""
    PASSED_ON: ClassVar[str] = ""
    """The field whose entries go to the server as they are; empty: there is none."""

    scales: tuple[int, ...] = (1,)
    """Output pixels per input pixel that it can make."""
    resize: Literal["exact", "back"] = "exact"
    """What happens to a picture of another size than was asked for: it is an error (`exact`), or it
    is resized to the size that was asked for (`back`)."""
    needs_mask: bool = True
    """Whether it must be told what to replace."""
    needs_prompt: bool = False
    seed: bool = True
    """Whether a seed can be asked for. Where not, edits are repeats."""
    stochastic: bool = True
    """Whether another seed, or a repeat, gives another picture."""
    smallest_px: int = 1
    """Shortest edge that it accepts."""
    largest_px: int = MAX_ARTEFACT_EDGE_PX
    """Longest edge that it accepts."""
    multiple_px: int = 1
    """Both edges must be multiples of it."""
    max_pixels: int = 64_000_000
    """Pixels of an answer; a larger one is an error."""

    def __post_init__(self) -> None:
        if not self.scales or not all(1 <= scale <= 8 for scale in self.scales):
            raise ValueError("scales must name at least one, each 1 to 8")
        if min(self.smallest_px, self.largest_px, self.multiple_px, self.max_pixels) < 1:
            raise ValueError(
                "smallest_px, largest_px, multiple_px and max_pixels must be at least 1"
            )
        if self.smallest_px > self.largest_px:
            raise ValueError("smallest_px must not be above largest_px")

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """The fields that `ADAPTER:TARGET` says."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What tells this pipeline from others of the same adapter, in a few words."""
        raise NotImplementedError

    @property
    def how_to_fit_size(self) -> str:
        """What to do where a picture comes back in another size than was asked for."""
        return 'Set `scales` to what it makes, or let the picture be resized: resize = "back"'

    @property
    def reaches(self) -> str:
        """What an edit runs, reads or contacts, in words."""
        raise NotImplementedError

    def located(self, base: Path) -> Self:
        """The same with the files that it names made absolute; relative ones start at `base`."""
        paths = {
            name: str((base / Path(value).expanduser()).resolve())
            for name in self.FILES
            if (value := getattr(self, name))
        }
        return msgspec.structs.replace(self, **paths) if paths else self

    @property
    def capabilities(self) -> Capabilities:
        """What the suite must know."""
        return Capabilities(
            scales=self.scales,
            needs_mask=self.needs_mask,
            needs_prompt=self.needs_prompt,
            takes_seed=self.seed,
            smallest_px=self.smallest_px,
            largest_px=self.largest_px,
            multiple_px=self.multiple_px,
            resizes=self.resize == "back",
        )


F = TypeVar("F", bound=AdapterFields)


def read_table(table: str, kind: type[F]) -> F:
    """The fields of a pipeline's name, which were checked when it was parsed."""
    return msgspec.json.decode(table.encode(), type=kind)


class ServerFields(AdapterFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every adapter of a service can be told beside that."""

    header: dict[str, str] = {}
    """Sent with each request. `${NAME}` stands for the environment variable NAME."""
    request_timeout_s: float = 120.0
    """Longest that one request may take."""
    edit_timeout_s: float = 270.0
    """Longest that one edit may take, with all its requests, repeated ones too; waiting for its
    turn does not count."""
    attempts: int = 4
    """How often a request is made where the service says 429, 502, 503 or 504, or resets the
    connection. A pause that the service asks for is waited as often as the edit's time allows."""
    concurrency: int = 4
    """Edits that the service is asked for at a time, over all workers."""
    refused_limit: int = 3
    """Refused connections, or edits that were not made in time, in a row, after which the service
    is not asked for half a minute."""
    redirects: Literal["same host", "any", "none"] = "same host"
    """Where an answer may lead to."""
    header_hosts: tuple[str, ...] = ()
    """Further hosts that the headers may go to, over https: names, or `*.example.com`. Elsewhere
    they go to the service's own host alone."""
    max_answer_mib: int = 64
    """Size of an answer; a larger one is an error."""
    image_format: Literal["png", "jpeg", "webp"] = "png"
    """How pictures are sent."""
    price: float = 0.0
    """Of one edit, in your currency; `--max-cost` adds them up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("request_timeout_s", "edit_timeout_s"):
            if not 0 < getattr(self, name) <= MAX_SECONDS:
                raise ValueError(f"{name} must be above 0 and at most {MAX_SECONDS:g}")
        for name in ("attempts", "concurrency", "refused_limit", "max_answer_mib"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if not 0 <= self.price < float("inf"):
            raise ValueError("price must be 0 or above, and finite")
        check_address(self.address)
        check_headers(self.header)

    @property
    def address(self) -> str:
        """The service's URL."""
        raise NotImplementedError

    @property
    def sent_header(self) -> Mapping[str, str]:
        """The headers that are sent with each request, those that nobody had to name too."""
        return self.header

    @property
    def secret_headers(self) -> Mapping[str, str]:
        """Environment variables that go into headers, and the header of each."""
        return {
            name: header
            for header, value in self.sent_header.items()
            for name in find_variables([value])
        }

    @property
    def how_to_send_key(self) -> str:
        """What to write where a service wants a key, and none is sent."""
        return 'Set header.Authorization = "Bearer ${NAME}", where NAME is a variable that holds it'

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the environment variables that go into requests."""
        return find_variables([msgspec.to_builtins(self), self.sent_header])

    @property
    def label(self) -> str:
        """Its host, and its port where it names one; of a service on this machine the port."""
        parts = urlsplit(self.address)
        host = "" if parts.port and parts.hostname in HERE else parts.hostname
        return f"{host or ''} {parts.port or ''}".strip()

    @property
    def reaches(self) -> str:
        """Where pictures would be sent, and with which secrets."""
        names = self.variables
        secrets = f" with {', '.join(names)} of your environment" if names else ""
        return f"send pictures to {self.address}{secrets}"

    @property
    def capabilities(self) -> Capabilities:
        """What the suite must know."""
        return replace(
            super().capabilities, remote=True, concurrency=self.concurrency, price=self.price
        )
