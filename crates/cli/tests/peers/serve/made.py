"""Makes objects and holds them until it is killed: made.py ADDRESS COUNT"""
from __future__ import print_function

import sys
import time

import common

manager = common.connect()
held = [manager.dict() for _ in range(int(sys.argv[2]))]
print('ready')
sys.stdout.flush()
time.sleep(600)
