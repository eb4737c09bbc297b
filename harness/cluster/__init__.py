"""Edits made by a Ray cluster, with the records, numbers and verdict of a run on one machine.

```
editproof run ─ guard ─ the cluster's driver ═ Ray ═ actor ─ guard ─ worker ─ guard ─ pipeline host
```

engine.py       what a run asks ─ driver.py: the process that speaks Ray
pool.py         which actors there are, and what each does ─ slots.py, machines.py, lanes.py
actor.py        what runs on a node ─ environment_process.py
orders.py       what travels between them: plain data
```
"""
