"""How good is the gate? Clean pipelines run again, harmless changes, faults and repairs: it judges
them as it judges any run.

plan.py     which runs, and which trials each of them holds
sides.py    one side of a trial, as the gate sees a run
trials.py   runs them, has them judged
judging.py  the processes that judge: the gate, and the others
gates.py    the gates that people use today, and those of other packages
outcome.py  what is kept of a trial
command.py  what `editproof calibrate` does
rates.py    the rates, with their confidence intervals
page.py     the page that says them
"""
