"""Takes jobs until there is none: work.py ADDRESS THREADS"""
from __future__ import print_function

import sys
import threading

import common

manager = common.connect()


def work():
    jobs, done, guard, total = manager.jobs(), manager.done(), manager.guard(), manager.total()
    while True:
        job = jobs.get()
        if job is None:
            break
        done.append(job)
        guard.acquire()
        total.set(total.get() + 1)
        guard.release()
        jobs.task_done()
    jobs.task_done()


threads = [threading.Thread(target=work) for _ in range(int(sys.argv[2]))]
print('ready')
sys.stdout.flush()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
