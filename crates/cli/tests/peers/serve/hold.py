"""Holds something, or waits, until it is killed: hold.py ADDRESS WHAT"""
from __future__ import print_function

import sys
import time

import common

manager, what = common.connect(), sys.argv[2]
if what == 'gets':
    jobs = manager.jobs()
    jobs.qsize()
    print('ready')
    sys.stdout.flush()
    jobs.get()
elif what == 'waits':
    condition = manager.condition()
    condition.acquire()
    print('ready')
    sys.stdout.flush()
    condition.wait()
else:
    held = getattr(manager, what)()
    held.acquire()
    print('ready')
    sys.stdout.flush()
    time.sleep(600)
