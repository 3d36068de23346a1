"""Values that fill every buffer on the way, both ways, from two threads at once: large.py ADDRESS MEBIBYTES"""
import os
import sys
import threading

import common

manager = common.connect()
config = manager.config()
sent = os.urandom(1 << 20) * int(sys.argv[2])


def there_and_back(name):
    config[name] = sent
    if config[name] == sent:
        done.append(name)


done = []
threads = [threading.Thread(target=there_and_back, args=(name,)) for name in ('a', 'b')]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(done) == ['a', 'b'], done
nested = manager.dict(a=1)
held = manager.list([nested])
assert held[0].copy() == {'a': 1}
print('fine')
