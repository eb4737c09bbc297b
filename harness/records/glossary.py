"""The words of editproof: what each of them means."""

from __future__ import annotations

from collections.abc import Mapping

GLOSSARY: Mapping[str, Mapping[str, str]] = {
    "What is run": {
        "pipeline": (
            "One function that takes an edit request and returns an edited picture. It is what you"
            " test."
        ),
        "shard": (
            "A part of a suite's scenes, for one of several machines: `editproof run --shard 2/4`."
            " `editproof runs merge` puts them together."
        ),
        "local copy": (
            "The folder on this machine that holds the fetched parts of a run, a baseline"
            " or a cache at a URL. A missing part is fetched when it is read."
        ),
        "model": (
            "A pipeline with a name in the run. Two models may differ in any setting, not"
            " only in weights."
        ),
        "capability": (
            "Something that a pipeline says it can do, such as its scales. The suite adapts to it."
        ),
        "probe": (
            "A check of what a pipeline does with a known picture, before a suite is run on"
            " it: `editproof probe`."
        ),
        "stage": (
            "One part of a pipeline, such as detecting, inpainting or blending. The gate"
            " names the first stage that differs."
        ),
        "family": (
            "One way in which edits break, such as `thin_text` or `tiled_seams`. Its scenes have a"
            " known right answer."
        ),
        "vector": "Another word for a failure family, in the code and in suites: `[vectors]`.",
        "step": (
            "How hard a scene of a family is. Step 1 is the easiest; the steps of a family are its"
            " ladder."
        ),
        "rung": "Another word for a step of a family's ladder.",
        "scene": (
            "What one step of a family draws: the input, the right answer, what must go, and the"
            " regions."
        ),
        "background": "The picture that a scene is drawn on. The parameter is called `ground`.",
        "own case": (
            "A picture of yours that is edited as a case: `--cases FOLDER`, or `[folders]`"
            " in a suite."
        ),
        "seed": (
            "The number that a stochastic model draws its sample from. A deterministic model has"
            " none."
        ),
        "repeat": (
            "One of several edits of the same scene by a pipeline that takes no seed. It"
            " takes the place of a seed."
        ),
        "not applicable": (
            "A scene that a model can't be asked to edit. The run gives the reason. It is"
            " not a case of the run, and not an error."
        ),
        "case": (
            "One scene, one model and one seed. A run has one picture and one set of numbers for"
            " each case."
        ),
        "turn": (
            "One edit of a chain: the output of a turn is the input of the next. A suite asks for"
            " more than one with `turns = 3`."
        ),
        "drift": "How much a number changes from turn to turn, with its 95 % interval.",
        "suite": (
            "Which families, steps, models, seeds and metrics to run, and the rules to judge"
            " them by."
        ),
        "run": (
            "A folder with everything that one execution of a suite produced: pictures, numbers,"
            " verdict, report."
        ),
    },
    "Where it is measured": {
        "region": "A part of the picture that a number is measured over.",
        "edit": "The region that had to be replaced.",
        "ring": "The region around `edit`, where halos and seams of the edit show.",
        "keep": "The region outside `edit` and `ring`, which must not change.",
        "protect": (
            "The region of fine features that must survive, such as microprint or a serial number."
        ),
        "seams": "The region along the borders of tiles.",
        "border": "The outer rim of the picture, where padding goes wrong.",
        "worst window": "The 64 × 64 window of a region that has the worst number, with its place.",
        "metric": (
            "A function that turns two pictures into numbers. It has a unit and a direction, and"
            " says what it sees and misses."
        ),
        "aspect": (
            "The kind of quality that a metric measures. There are nine: structure, detail, colour"
            " and tone, ghosts and residue, seams, edge of the edit, legibility, what had to be"
            " kept, geometry."
        ),
        "right answer": (
            "The picture that a perfect edit would give. Drawn scenes have one; own cases may."
        ),
        "unmeasured": "A number that a case does not have, with the reason. It never counts as 0.",
    },
    "How it is judged": {
        "baseline": "The run that you accepted. Every later run is compared with it.",
        "this run": "The run that is judged.",
        "gate": "The check that compares this run with the baseline and passes or fails the build.",
        "verdict": "The gate's answer: an outcome, the findings, and an exit code.",
        "finding": (
            "One cause that the gate names, with what it looks like, where, and how visible it is."
        ),
        "JOD": (
            "How visible a difference is, by ColorVideoVDP. At 1 JOD, 75 % of people prefer the"
            " other picture."
        ),
        "visible": (
            "A difference that somebody can see under the suite's viewing condition."
            " docs/visibility.md has the limits."
        ),
        "viewing condition": (
            "The display, distance and zoom at which pictures are looked at: `[[viewing]]` in a"
            " suite."
        ),
        "margin": (
            "How much worse a number may get before it counts: the metric's own, or `[[margins]]`"
            " in a suite."
        ),
        "budget": (
            "A fixed limit for a number, whatever the baseline says: `[[budgets]]` in a suite."
        ),
        "limit": (
            "A fixed limit for what an edit costs, in seconds, memory or growth: `[[limits]]` in a"
            " suite."
        ),
        "noise floor": (
            "How far a number moves when nothing has changed: `editproof noise` measures it."
        ),
        "waiver": (
            "A known problem that does not fail the build until a day. It has an owner and a"
            " reason."
        ),
        "desk": "The page where people decide about what changed: `editproof review`.",
        "decision": (
            "What a person said at the desk about some pictures: accept, reject, needs work or"
            " waive. It is one file beside the baseline."
        ),
        "group": "Changes that are alike. At the desk, one decision covers all of them.",
        "kept sample": (
            "A new picture of a stochastic model that is the accepted sample of the same"
            " seed, with a change."
        ),
        "unchanged": (
            "Every picture is the accepted one, or differs no more than seeds do. The build passes."
        ),
        "invisible": "A picture changed and nobody can see it. It is listed, and the build passes.",
        "improved": "Visibly better. The build passes.",
        "changed": "Visibly different, and no right answer says which is better. The gate warns.",
        "traded": (
            "Better in one aspect and worse in another. It fails the build if the loss is more"
            " visible."
        ),
        "regressed": "Visibly worse. The build fails.",
        "underpowered": "Much worse, on too few seeds to rule out chance. The exit code is 3.",
        "not judged": "Nothing could be compared: the case is new, or its scene changed.",
        "waived": "A finding that a waiver covers.",
        "review": (
            "A pipeline's own verdict that a person should look at its edit before it is used."
        ),
        "refused": (
            "A pipeline's own verdict that it will not make an edit. It is an outcome, not an"
            " error."
        ),
    },
    "Over many nights": {
        "history": (
            "What is kept of each night: scores, numbers, pictures' hashes and the verdict, but no"
            " pictures. `editproof history` shows it."
        ),
        "night": "One run in the history, whenever it was made.",
        "score": (
            "How bad an aspect of a family and model is in a night: the mean of its numbers, in"
            " margins. More is worse."
        ),
        "series": "The scores of one aspect of a family and model, night by night.",
        "change point": "The night from which a series is on another level.",
        "slow drift": (
            "Many small changes of a series in one direction, none of which is a change point."
        ),
        "segment": (
            "Nights of a series that can be compared: one machine, one set of libraries, and the"
            " same numbers of the same cases."
        ),
        "run length": "How many nights pass from one false alarm of slow drift to the next.",
        "false discovery rate": "The share of false alarms among the change points of all series.",
        "flaky case": (
            "A case whose picture or verdict changed although its pipeline, settings,"
            " libraries and machine did not."
        ),
    },
    "How the gate is checked": {
        "clean rerun": (
            "The same pipeline again, with nothing changed but the seed, the threads or the batch."
        ),
        "harmless change": (
            "A change that should pass: other rounding, another encoding, another library's kernel."
        ),
        "fault": "Damage that is planted on purpose in one stage, to see whether the gate notices.",
        "repair": (
            "A reversed fault: the faulty run is the baseline, and the sound run is judged."
        ),
        "switch": (
            "One model's pictures in the baseline, and another's in this run, under one name."
        ),
        "blame": (
            "Finding the stage that made a case worse, by swapping stages between two pipelines."
        ),
        "bundle": "A folder that reproduces one regression with one command.",
    },
}
"""Sections, and in each the terms with their meaning."""


def terms() -> dict[str, str]:
    """Every term with its meaning."""
    return {term: meaning for section in GLOSSARY.values() for term, meaning in section.items()}
