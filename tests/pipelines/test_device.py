"""Where networks run is what EDITPROOF_DEVICE says, or an error that says why not."""

from __future__ import annotations

import pytest

from editproof.harness.records.errors import UsageError
from editproof.harness.suites.cases import machine
from editproof.pipelines import ContractError
from editproof.pipelines.device import find_device


@pytest.mark.parametrize("asked", ["", "cpu"])
def test_the_processor_is_what_nobody_needs_to_ask_for(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unset or `cpu`; the run's manifest says so."""
    monkeypatch.setenv("EDITPROOF_DEVICE", asked)
    assert find_device() == "cpu"
    assert machine()["device"] == "cpu"


def test_an_unknown_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it can be, before anything is run."""
    monkeypatch.setenv("EDITPROOF_DEVICE", "gpu")
    with pytest.raises(UsageError, match="'gpu'; it can be cpu, cuda, auto"):
        machine()


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cuda` insists, `auto` does not."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("EDITPROOF_DEVICE", "cuda")
    with pytest.raises(ContractError, match=r"finds no GPU here\. Set it to cpu or auto"):
        find_device()
    monkeypatch.setenv("EDITPROOF_DEVICE", "auto")
    assert find_device() == "cpu"


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of different ones are not compared blindly: the manifest, and with it every case's
    key, names it.
    """
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Example 100")
    monkeypatch.setenv("EDITPROOF_DEVICE", "auto")
    assert find_device() == "cuda"
    assert machine()["device"] == "cuda: Example 100"
