"""How good is the gate? Faults are planted, clean pipelines run again, and the gate judges all of it as it judges any run.

plan.py     which runs, and which trials each of them holds
part.py     one trial, as the gate sees a run
trials.py   runs them, has the gate and its peers judge them, keeps what they say
peers.py    the gates that people use today
command.py  what `editproof calibrate` does
rates.py    the rates, with their confidence intervals
page.py     the page that says them
"""
