"""The engine: suite -> cases -> run -> measurements -> verdict.

Its rooms, the highest first; each imports from lower ones only:

commands/      the command line: parse, call one operation, print
operations/    what a command does, a file each verb
calibration/   how often the gate is wrong
compare/       what one run or model is beside another
blame/         which stage made a picture worse
baselines/     what was accepted: accept, undo, noise, further right answers
setup/         a first look round: doctor, starter files, explain
faults/        faults and harmless changes, planted on purpose
gate/          the verdict: what changed, whether it can be seen, whether it is worse
running/       cases run in processes of their own, measured, and kept in the cache
processes/     child processes, and the threads that each may use
pictures/      pictures by their hash, and what two of them differ by
suites/        suites, settings, cases, and the tasks that they ask
metrics/       what is measured, by aspect of damage
stores/        where runs, baselines and the cache lie: a folder, or a URL
records/       what lies on disk and travels in memory: types, run folders, tables, messages
"""
