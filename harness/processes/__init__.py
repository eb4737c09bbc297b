"""Child processes that answer numbered requests, and how many threads each may use. Nothing here
knows what they do.

guard.py      stands between us and a child: it ends with us, and the child's family with it
channel.py    numbered messages over a socket, each wait with a deadline
child.py      a child, as its parent sees it
serving.py    the child's own end
output.py     what a child printed, cut to a size
scratch.py    temporary folders that say who owns them
"""
