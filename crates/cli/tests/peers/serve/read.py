"""Reads what another version has written: read.py ADDRESS NAME"""
import datetime
import decimal
import sys

import common

manager = common.connect()
config = manager.config()
name = sys.argv[2]
found = config[name]
assert found == {u'text': u'h\xe9', 'plain': 'abc', 'number': 2 ** 70, 'nested': [(1, 2.5), None, True]}, found
assert type(found['text']) is type(u''), found
assert config[(name, u'bytes')] == b'\xff\x00', config[(name, 'bytes')]
assert config[(name, 'day')] == datetime.datetime(2020, 2, 3)
assert config[(name, 'decimal')] == decimal.Decimal('1.5')
assert config[(name, 'set')] == set([1, 'a'])
assert (name, 'nothing') not in config
assert name in config and name in list(config.keys())
try:
    config[name, 'nothing']
except KeyError:
    pass
else:
    raise AssertionError('no KeyError')
print('fine')
