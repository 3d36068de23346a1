"""Puts values into the dict that all have: write.py ADDRESS NAME"""
import datetime
import decimal
import sys

import common

config = common.connect().config()
name = sys.argv[2]
config[name] = {u'text': u'h\xe9', 'plain': 'abc', 'number': 2 ** 70, 'nested': [(1, 2.5), None, True]}
config[(name, 'bytes')] = b'\xff\x00'
config[(name, 'day')] = datetime.datetime(2020, 2, 3)
config[(name, 'decimal')] = decimal.Decimal('1.5')
config[(name, 'set')] = set([1, 'a'])
assert len(config) >= 5
print('fine')
