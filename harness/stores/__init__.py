"""Where runs, baselines and the cache lie: a local folder, or a URL of an object store.

places.py         `s3://bucket/editproof`, taken apart
objects.py        the objects below a URL: read, written, listed, with errors that say what to do
copies.py         the local folder that stands for a URL ─ copy_pruning.py: which go
run_store.py      a run that is being written: one contract, two implementations
object_run.py     the one at a URL ─ compaction.py: its records in few objects
lease.py          one writer at a time
run_copy.py       a run at a URL, opened as a local folder, and what was written there sent back
copied_journal.py its records, in one order on every machine
blobs.py          its pictures, each fetched when it is first read
baseline_copy.py  a baseline at a URL
cache_copy.py     a cache at a URL
runs_folder.py    a folder of runs at a URL: which there are, and how one goes

Readers, workers and the gate know local folders only. A run at a URL has a *local copy*: its small
files lie there, its pictures come when they are read, and what a command writes is sent back at its
end. A run is written to `RunStore`: see run_store.py for how a process of its own uses one.

What comes from a store is data. Names are never taken from a listing, digests are compared, and
sizes are bounded.
"""
