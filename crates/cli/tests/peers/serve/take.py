"""Takes what somebody who was killed held: take.py ADDRESS WHAT"""
import sys

import common

manager, what = common.connect(), sys.argv[2]
if what == 'gets':
    jobs = manager.jobs()
    jobs.put('kept')
    assert jobs.get(True, 30) == 'kept'
elif what == 'waits':
    condition = manager.condition()
    condition.acquire()
    condition.notify()
    condition.release()
else:
    held = getattr(manager, what)()
    assert held.acquire()
    held.release()
print('fine')
