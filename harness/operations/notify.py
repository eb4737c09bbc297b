"""Tell people where a night's verdict is not that of the night before.

The addresses come from `[notify]` in the settings, with their secrets from the environment. Neither
is ever kept or printed: what fails is named by its number.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import stamina

from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.nights import Night
from editproof.harness.suites.settings import NotifySettings
from editproof.pipelines.adapters.secrets import Secrets, find_variables
from editproof.pipelines.contract import ContractError

if TYPE_CHECKING:
    from apprise import Apprise

ATTEMPTS = 4
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0


class NightState(StrEnum):
    """What people want to know of a night."""

    PASSES = "passes"
    FAILS = "fails"
    NOT_JUDGED = "could not be judged"


LEVELS = {NightState.PASSES: "success", NightState.FAILS: "failure"}
"""What apprise calls it; anything else is a warning."""


class _NotSentError(Exception):
    """An address did not take the message."""


def find_state(night: Night) -> NightState:
    """The state that a night's exit code stands for."""
    if night.exit_code == ExitCode.OK:
        return NightState.PASSES
    return NightState.FAILS if night.exit_code == ExitCode.REGRESSION else NightState.NOT_JUDGED


def find_change(nights: Sequence[Night], run: str) -> NightState | None:
    """The state of the night of that run, where it is not that of the night before; None: it is.
    Before the first night everything passed.
    """
    place = max(place for place, night in enumerate(nights) if night.run == run)
    before = find_state(nights[place - 1]) if place else NightState.PASSES
    state = find_state(nights[place])
    return state if state is not before else None


def notify(state: NightState, suite: str, reason: str, run: Path, settings: NotifySettings) -> None:
    """Tell every address one sentence and where the run's report is. Raises IncompleteError,
    without a secret, where one of them can't be told.
    """
    text = f"{suite} {state}{f': {reason}' if reason else ''}.\n{find_report_link(run, settings)}"
    urls = _fill(settings.urls, "urls")
    failed = list(_find_failed(urls, text, LEVELS.get(state, "warning")))
    if failed:
        raise IncompleteError(
            f"not everybody was notified: in [notify] urls, {', and '.join(failed)}. The night and"
            " its verdict are not affected"
        )


def find_report_link(run: Path, settings: NotifySettings) -> str:
    """Where people read the report of a run: the settings' link, else its file. Raises
    IncompleteError.
    """
    [link] = _fill([settings.link], "link")
    return link.replace("{run}", run.name) or (run / "report" / "index.html").resolve().as_uri()


def _fill(texts: Sequence[str], setting: str) -> Sequence[str]:
    """Texts with their variables from the environment. Raises IncompleteError."""
    try:
        filled: Sequence[str] = Secrets(find_variables(texts), f"[notify] {setting}").fill(texts)
    except ContractError as error:
        raise IncompleteError(str(error)) from None
    return filled


def _find_failed(urls: Sequence[str], text: str, level: str) -> Iterator[str]:
    """Send to each address; give those that did not get it, by number, with the reason."""
    for number, url in enumerate(urls, start=1):
        address = _open_address(url)
        if not address:
            yield f"number {number} is not an address that apprise knows"
        elif not _send(address, text, level):
            yield f"number {number} did not accept the message in {ATTEMPTS} attempts"


def _open_address(url: str) -> Apprise:
    """An apprise client of one address; it is false where apprise does not know the address."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it imports old modules
            from apprise import Apprise, AppriseAsset

            address = Apprise(asset=AppriseAsset(app_id="editproof", async_mode=False))
            address.add(url)
    except ImportError as error:
        raise IncompleteError(
            'nobody was notified: [notify] needs another library: pip install "editproof[notify]"'
        ) from error
    return address


def _send(address: Apprise, text: str, level: str) -> bool:
    """Whether the address took the text, at last."""
    stamina.instrumentation.set_on_retry_hooks([])  # they would print each attempt
    patient = stamina.RetryingCaller(
        attempts=ATTEMPTS, timeout=None, wait_initial=FIRST_PAUSE_S, wait_max=LONGEST_PAUSE_S
    )
    try:
        patient(_NotSentError, _send_once, address, text, level)
    except _NotSentError:
        return False
    return True


def _send_once(address: Apprise, text: str, level: str) -> None:
    from apprise import NotifyType

    if not address.notify(body=text, title="editproof", notify_type=NotifyType(level)):
        raise _NotSentError
