"""How good is the gate? It judges clean reruns, harmless changes, faults and repairs as it judges
any run.

plan.py     which runs to make, and which trials each holds
sides.py    one side of a trial, in the form in which the gate reads a run
trials.py   makes the runs and has them judged
judging.py  the processes that judge: the gate, and other gates
gates.py    common gates, and those of other packages
outcome.py  what is stored about a trial
command.py  `editproof calibrate`
rates.py    error rates with their confidence intervals
page.py     the page that reports them
"""
