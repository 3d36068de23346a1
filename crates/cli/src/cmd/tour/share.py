# Stock multiprocessing, nothing of Sabir's.
import sys
from multiprocessing.managers import DictProxy, SyncManager

class Harbour(SyncManager): pass
Harbour.register('logbook', proxytype=DictProxy)
Harbour.register('bottles')

host, port = sys.argv[1].split(':')
harbour = Harbour((host, int(port)), authkey=b'tour')
harbour.connect()
logbook, bottles = harbour.logbook(), harbour.bottles()
python = '%d.%d' % sys.version_info[:2]
if sys.argv[2] == 'first':
    print('puts a bottle into the queue')
else:
    bottle = bottles.get(timeout=5)
    print('gets the bottle of %s: %s' % (bottle['from'], ', '.join(bottle['cargo'])))
    logbook[python] = bottle['from']
bottles.put({'from': python, 'cargo': ['pepper', u'cloves']})
if sys.argv[2] == 'last':
    print('the logbook has %d entries' % len(logbook))
