"""Every job was done once: count.py ADDRESS JOBS"""
import sys

import common

manager, count = common.connect(), int(sys.argv[2])
assert sorted(manager.done()[:]) == list(range(count))
assert manager.total().get() == count, manager.total().get()
assert manager.jobs().empty()
print('fine')
