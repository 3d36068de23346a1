"""CPython's own codec on the same corpus.

codec.py write FOLDER       writes records.p2 and records.p4, the same bytes each time
codec.py FILE PROTOCOL      prints nanoseconds an object: loads, dumps (collector on, as programs have it)
"""
import pickle
import sys
import time

RECORDS = 10000
OBJECTS = RECORDS * 18 + 1


class Lcg:
    """A generator of its own: the corpus must not change with a library's."""

    def __init__(self, seed):
        self.state = seed

    def __call__(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % bound


def records():
    pick = Lcg(1)
    return [
        {
            "id": i,
            "name": "user-%06d" % pick(1000000),
            "score": pick(10**9) / 1024.0,
            "active": pick(2) == 1,
            "note": None,
            "tags": [pick(256), "t%d" % pick(1000), [pick(1000) / 8.0, pick(1000) / 8.0]],
        }
        for i in range(RECORDS)
    ]


def timed(function, seconds=0.7):
    best, end = 1e9, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best / OBJECTS * 1e9


if __name__ == "__main__":
    if sys.argv[1] == "write":
        for protocol in (2, 4):
            with open("%s/records.p%d" % (sys.argv[2], protocol), "wb") as file:
                file.write(pickle.dumps(records(), protocol))
        sys.exit()
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    value, protocol = pickle.loads(data), int(sys.argv[2])
    print(timed(lambda: pickle.loads(data)))
    print(timed(lambda: pickle.dumps(value, protocol)))
