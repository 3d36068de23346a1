"""Gives jobs to workers, and waits until all are done: give.py ADDRESS WORKERS JOBS"""
import sys

import common

jobs = common.connect().jobs()
for job in range(int(sys.argv[3])):
    jobs.put(job)
for _ in range(int(sys.argv[2])):
    jobs.put(None)
jobs.join()
print('fine')
