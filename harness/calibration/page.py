"""The page that says how good the gate is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.calibration.peers import PEERS
from harness.calibration.plan import OTHER_SEEDS, PEER_RERUNS
from harness.calibration.rates import FaultRates, Rate, alarms, blamed, caught, fault_rates, named_first, total
from harness.calibration.trials import TrialOutcome
from harness.runs import Manifest, write_atomically


def write_page(path: Path, manifest: Manifest, outcomes: Sequence[TrialOutcome], command: str) -> Path:
    """Write the page. `manifest`: of the baseline."""
    lines = [
        *_introduction(manifest, command),
        *_alarms(outcomes),
        *_detection(manifest, fault_rates(outcomes)),
        *_beside(outcomes, fault_rates(outcomes)),
        *_every_fault(fault_rates(outcomes)),
    ]
    write_atomically(path, ("\n".join(lines).rstrip() + "\n").encode())
    return path


def _introduction(manifest: Manifest, command: str) -> Iterator[str]:
    suite = manifest.suite
    models = ", ".join(f"`{model.name}`" for model in suite.models)
    yield "# Calibration: how often the gate is wrong\n"
    yield (
        f"Made by `{command}`. The suite `{suite.name}` ({len(suite.variants)} scenes, models {models}, seeds "
        f"{', '.join(map(str, suite.seeds))}; {len(manifest.cases)} cases) is run and accepted as the baseline. Then faults "
        "are planted in single stages of the reference pipeline, clean pipelines are run again, and the gate judges each of "
        "these runs as it would judge yours, with its default margins.\n"
    )
    said = [f"editproof {manifest.editproof}", *(f"{k} {v}" for k, v in manifest.machine.items())]
    yield f"Machine and versions: {', '.join([*said, 'Python ' + manifest.versions.get('python', '?')])}.\n"


def _alarms(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    rates = alarms(outcomes)
    if not rates:
        return
    yield "## False alarms\n"
    yield (
        "Clean reruns, of which every one that fails the build is a false alarm. Those on other seeds are judged twice: beside "
        "the suite's own run, and beside another rerun, since one baseline may happen to be an easy one.\n"
    )
    yield "| what was done again | reruns | false alarms | rate, 95 % interval |"
    yield "|---|---:|---:|---:|"
    for name, rate in [*rates.items(), ("all", total(rates.values()))]:
        yield f"| {name} | {rate.of} | {rate.count} | {_percent(rate)} |"
    yield ""
    wrong = [one for one in outcomes if one.kind == "clean" and one.caught]
    yield from (f"- {one.name}, seeds {one.seeds[:1]}…: {one.top}" for one in wrong[:10])
    if wrong:
        yield ""


def _detection(manifest: Manifest, faults: Sequence[FaultRates]) -> Iterator[str]:
    if not faults:
        return
    shares = sorted({share for rates in faults for share in rates.by_share}, reverse=True)
    yield "## Detection\n"
    yield (
        f"{len(faults)} faults. A fault counts as caught where the build fails: exit code 1, a regression, or 3, where it "
        "could not be judged. Below, the same judged on one model's cases alone: a stochastic one asks for statistics.\n"
    )
    yield "| | " + " | ".join(f"{share:g} × nominal" for share in shares) + " |"
    yield "|---|" + "---:|" * len(shares)
    yield "| caught | " + " | ".join(str(caught(faults, share)) for share in shares) + " |"
    for model in manifest.suite.models:
        kind = "stochastic" if manifest.pipelines[model.name].stochastic else "deterministic"
        cells = " | ".join(str(caught(faults, share, model=model.name)) for share in shares)
        yield f"| caught by `{model.name}` alone ({kind}) | {cells} |"
    yield "| the planted stage named first | " + " | ".join(str(named_first(faults, share)) for share in shares) + " |"
    yield ""
    yield (
        f"`editproof blame`, asked about the worst finding of each fault at its nominal strength: {blamed(faults)} times the "
        "planted stage answers for most of it.\n"
    )


def _beside(outcomes: Sequence[TrialOutcome], faults: Sequence[FaultRates]) -> Iterator[str]:
    asked = [rates for rates in faults if all(one.peers for one in rates.by_share.values())]
    if not asked:
        return
    shares = [share for share in (1.0, 0.5) if any(share in rates.by_share for rates in asked)]
    yield "## Beside the gates that people use today\n"
    yield (
        "Each looks at the first seed of every scene of the first model and the stochastic ones, and fails the run where one "
        f"case is past its limit. Its false alarms are those of at most {PEER_RERUNS} clean reruns on other seeds.\n"
    )
    yield "| gate | what it asks | false alarms | " + " | ".join(f"caught at {share:g} ×" for share in shares) + " |"
    yield "|---|---|---:|" + "---:|" * len(shares)
    ours = alarms(outcomes).get(OTHER_SEEDS, Rate(0, 0))
    yield (
        f"| **editproof** | margins of every metric, statistics over seeds | {ours} | "
        + " | ".join(f"**{caught(faults, share)}**" for share in shares)
        + " |"
    )
    for peer in PEERS:
        wrong = alarms(outcomes, peer=peer.name).get(OTHER_SEEDS, Rate(0, 0))
        cells = " | ".join(str(caught(asked, share, peer=peer.name)) for share in shares)
        yield f"| {peer.name} | {peer.about} | {wrong} | {cells} |"
    yield ""


def _every_fault(faults: Sequence[FaultRates]) -> Iterator[str]:
    if not faults:
        return
    shares = sorted({share for rates in faults for share in rates.by_share}, reverse=True)
    yield "## Every fault\n"
    yield (
        "`+` caught, `3` stopped since it could not be judged, `-` missed. The smallest strength is the smallest one tried "
        "from which on every one was caught. Peers: at the nominal strength, which of them fail.\n"
    )
    heads = " | ".join(f"{share:g} ×" for share in shares)
    yield f"| stage | fault | what happens | nominal | {heads} | smallest caught | stage named first | peers |"
    yield "|---|---|---|---:|" + ":-:|" * len(shares) + "---:|---|---|"
    for rates in faults:
        fault, best = rates.fault, rates.by_share[max(rates.by_share)]
        cells = " | ".join(_cell(rates.by_share.get(share)) for share in shares)
        smallest = "none" if rates.smallest is None else f"{rates.smallest:g}"
        named = "yes" if rates.named else best.stage or "none"
        peers = ", ".join(name for name, failed in best.peers.items() if failed) or (
            "none" if best.peers else "not asked"
        )
        yield (
            f"| {fault.stage} | {fault.name} | {fault.about} | {fault.nominal:g} {fault.unit} | {cells} | {smallest} | {named} "
            f"| {peers} |"
        )
    yield ""


def _cell(outcome: TrialOutcome | None) -> str:
    if outcome is None:
        return ""
    return {0: "-", 1: "+"}.get(outcome.exit_code, "3")


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.count / rate.of:.2%} ({low:.2%} to {high:.2%})"
