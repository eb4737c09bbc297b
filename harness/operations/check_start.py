"""What can be wrong with a run and needs no pipeline to be seen: looked at before any is loaded,
since loading may take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from editproof.harness.operations.project import removing_if_empty
from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import Model
from editproof.harness.running.runner import RunConfig
from editproof.harness.suites.case_folders import list_cases
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.names import find_adapter
from editproof.pipelines.adapters.secrets import Secrets
from editproof.pipelines.contract import ContractError


def check_start(config: RunConfig) -> None:
    """Raise UsageError where own cases can't be used, or a secret of a service is not set."""
    check_secrets(config.suite.models)
    for folder in config.suite.folders:
        list_cases(folder, config.suite.scale, config.trust)


def check_secrets(models: Iterable[Model]) -> None:
    """Raise UsageError where a service needs an environment variable that is not set."""
    for model in models:
        adapter = find_adapter(model.spec)
        if adapter is None or not isinstance(adapter.fields, ServerFields):
            continue
        try:
            Secrets(adapter.fields.variables, f"the pipeline {model.name}")
        except ContractError as error:
            raise UsageError(str(error)) from error


@contextmanager
def claiming_folder(folder: Path, *, is_ours: bool) -> Iterator[None]:
    """Make the run's folder; leave none behind that stays empty. `is_ours`: it was made for this
    run already. Raises UsageError where it can't be made.
    """
    is_new = is_ours or not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the run's folder {folder} can't be made: {error.strerror}. Choose another --out"
        ) from error
    with removing_if_empty(folder if is_new else None):
        yield
