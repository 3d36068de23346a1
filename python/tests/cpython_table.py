"""Runs CPython's own tests of `multiprocessing` with this package in its place, and writes `cpython_table.tsv`:

    python cpython_table.py                                  # every Python found, each start method: about an hour
    python cpython_table.py 3.13 3.9:spawn                   # some of them
    python cpython_table.py --reducer 'Pickle(protocol=2)'   # with another default reducer
    python cpython_table.py --stock                          # the standard library itself, for the column of its skips
    python cpython_table.py --subset --no-table 3.9 3.11 3.13 # what CI runs

A test that fails or hangs runs once more by itself, as under CPython's own `regrtest --rerun`. One that fails again must have a
row in `cpython_excuses.tsv`. Skipped tests count as excused: at most 3 % of a version's may be beyond what the standard
library skips on the same machine.
"""

from __future__ import print_function

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import support

HERE = os.path.dirname(os.path.abspath(__file__))
EXCUSES = os.path.join(HERE, 'cpython_excuses.tsv')
TABLE = os.path.join(HERE, 'cpython_table.tsv')
COLUMNS = ('python', 'package', 'reducer', 'method', 'passed', 'again', 'failed', 'excused', 'skipped')
METHODS = ('fork', 'spawn', 'forkserver', 'main', 'pickles')
# What CI runs: pickling, and connections, managers, queues and pools of processes; without the slowest of them.
SUBSET = (r'^(WithProcessesTest(Connection|Listener|ListenerClient|Poll|Picklable\w*|Queue|Pool)|WithManagerTest(Queue|Pool|Namespace)'
          r'|WithProcessesTest(ManagerRestart|RemoteManager|MyManager\w*)|WithManagerTestMyManager|TestSyncManagerTypes'
          r'|TestInvalidHandle|OtherTest|TestInvalidFamily|TestWait|TestSimpleQueue|TestPoolNotLeakOnFailure|Reduced|Tolerant)\.'
          r'(?!test_(wait_timeout|wait_socket_slow|wait_slow|traceback|terminate|async_timeout|timeout|wait_integer))')
# Seconds in which some test must end, or the one that runs has hung.
PATIENCE = 300
# The part of a row that may be skipped or excused beyond what the standard library skips.
ALLOWED = 0.03


class Run(object):
    """The tests of one interpreter, one start method and one reducer."""

    def __init__(self, python, version, method, options):
        self.python, self.version, self.method, self.options = python, version, method, options
        self.package = 'multiprocessing' if options.stock else 'sabir'
        self.outcomes, self.again, self._exit_code = {}, 0, 0

    def all(self):
        """Runs them; those that do not pass once more."""
        folder = tempfile.mkdtemp(prefix='sabir-cpython-')
        try:
            self._start('prepare', folder, '', [])
            if not os.path.exists(os.path.join(folder, _MODULES.get(self.method, '_test_multiprocessing.py')
                                               if self.version >= (3,) else 'test_multiprocessing.py')):
                return False
            pattern = self.options.only or (SUBSET if self.options.subset else '')
            self._until_done(folder, pattern)
            bad = [name for name, (what, _, _) in self.outcomes.items() if what in ('failed', 'hung')]
            first = dict((name, self.outcomes.pop(name)) for name in bad)
            if bad:
                self._until_done(folder, '^(%s)' % '|'.join(_pattern(name) for name in bad))
            for name in bad:
                if '(' in name and name not in self.outcomes and any(
                        re.match(_pattern(name), _short(test)) for test in self.outcomes):
                    # A class that could not be set up, and now could.
                    self.outcomes[name] = 'passed', '', 0
                what = self.outcomes.setdefault(name, first[name])[0]
                self.again += what == 'passed'
                if what == 'passed':
                    print('%s %s: only when run again: %s: %s' % (self.label(), self.method, name, first[name][:2]))
            return True
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def label(self):
        """What the row is of, as the list of excuses knows it."""
        return '%s %s' % ('.'.join(map(str, self.version)), self.options.reducer or 'default')

    def _until_done(self, folder, pattern):
        report = os.path.join(folder, 'report')
        done = set()
        while True:
            open(report, 'w').close()
            hung = self._start(self.method, folder, pattern, sorted(done), report)
            with open(report) as file:
                lines = [json.loads(line) for line in file]
            if not lines and self._exit_code:
                self.outcomes['.the run itself'] = 'failed', 'ended with %s before any test; see --log' % self._exit_code, 0
            for name, what, why, seconds in lines:
                self.outcomes[name] = what, why, seconds
                done.add(name)
            if not hung or not lines:
                return

    def _start(self, method, folder, pattern, without, report=''):
        """One process that runs tests; returns whether it had to be ended."""
        asked = {'package': self.package, 'method': method, 'folder': folder, 'report': report, 'only': pattern,
                 'without': without, 'reducer': self.options.reducer}
        path = [os.path.dirname(HERE), folder] + [os.path.abspath(path) for path in self.options.path]
        environment = dict(os.environ, SABIR_SUITE=json.dumps(asked), PYTHONPATH=os.pathsep.join(path),
                           PYTHONDONTWRITEBYTECODE='1')
        with open(self.options.log or os.devnull, 'ab') as log:
            process = subprocess.Popen([self.python, '-W', 'ignore', os.path.join(HERE, 'cpython_suite.py')], cwd=folder,
                                       env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                       start_new_session=True)
            try:
                size, since = -1, time.time()
                while process.poll() is None:
                    time.sleep(0.2)
                    now = os.path.getsize(report) if report else 0
                    if now != size:
                        size, since = now, time.time()
                    if time.time() - since > self.options.patience:
                        return True
            finally:
                # Its children too: a test that hangs leaves some behind.
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except OSError:
                    pass
                process.wait()
        self._exit_code = process.returncode
        # A test that ended the process itself.
        return bool(report) and process.returncode not in (0, 1)

    def row(self, reasons):
        """The counts, by column, and the tests that fail without an excuse."""
        counts = dict.fromkeys(COLUMNS, 0)
        counts.update(python='.'.join(map(str, self.version)), package=self.package, method=self.method,
                      reducer=self.options.reducer or '-', again=self.again)
        bad = []
        for name, (what, why, _) in sorted(self.outcomes.items()):
            short = _short(name)
            if what in ('failed', 'hung'):
                excused = self.package == 'sabir' and any(
                    version.match(self.label()) and test.match(short) for version, test in reasons)
                if not excused:
                    bad.append('%s %s: %s: %s %s' % (self.label(), self.method, short, what, why[:300].replace('\n', ' ')))
                what = 'excused' if excused else 'failed'
            counts[what] += 1
        return counts, bad


_MODULES = {'main': 'test_multiprocessing_main_handling.py'}


def _short(name):
    """The class and the name of a test."""
    return '.'.join(name.split('.')[-2:])


def _pattern(name):
    """What finds a test, or all of a class whose `setUpClass (module.Class)` failed."""
    if '(' in name:
        return re.escape(name.rstrip(')').split('.')[-1]) + r'\.'
    return re.escape(_short(name)) + '$'


def excuses():
    """The patterns of versions, with their reducers, and of tests that have a row in the list."""
    rows = []
    with open(EXCUSES) as file:
        for line in file:
            if line.strip() and not line.startswith('#'):
                version, test, _ = line.rstrip('\n').split('\t')
                rows.append((re.compile(version + '$'), re.compile(test + '$')))
    return rows


def read_table():
    """The rows of the table, by what they are of."""
    rows = {}
    if os.path.exists(TABLE):
        with open(TABLE) as file:
            for line in file:
                if not line.startswith('#'):
                    cells = line.rstrip('\n').split('\t')
                    rows[tuple(cells[:4])] = dict(zip(COLUMNS, cells[:4] + [int(cell) for cell in cells[4:]]))
    return rows


def write_table(rows):
    """Writes them."""
    def order(key):
        return key[1], key[2] != '-', key[2], [int(part) for part in key[0].split('.')], METHODS.index(key[3])
    with open(TABLE, 'w') as file:
        file.write('# Written by cpython_table.py. `again`: of those passed, how many only when run a second time.\n')
        file.write('# ' + '\t'.join(COLUMNS) + '\n')
        for key in sorted(rows, key=order):
            file.write('\t'.join(str(rows[key][column]) for column in COLUMNS) + '\n')


def too_many_left_out(table):
    """The versions of which more is skipped or excused, beyond what the standard library skips, than is allowed."""
    found = []
    for version, reducer in sorted(set((key[0], key[2]) for key in table if key[1] == 'sabir')):
        rows = [table[key] for key in table if key[:3] == (version, 'sabir', reducer)]
        stock = [table.get((version, 'multiprocessing', '-', row['method'])) for row in rows]
        if None not in stock:
            left_out = sum(row['skipped'] + row['excused'] for row in rows) - sum(row['skipped'] for row in stock)
            total = sum(row['passed'] + row['failed'] + row['excused'] + row['skipped'] for row in rows)
            if left_out > ALLOWED * total:
                found.append('%s: %d of %d tests are left out beyond those that the standard library skips' % (
                    version, left_out, total))
    return found


def main():
    """Reads the command line, runs and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('pythons', nargs='*', metavar='VERSION[:METHOD]')
    parser.add_argument('--stock', action='store_true', help='the standard library itself')
    parser.add_argument('--reducer', default='', help="an expression in the package's names, such as 'Pickle(protocol=2)'")
    parser.add_argument('--path', action='append', default=[], help='a folder with packages that the reducer needs')
    parser.add_argument('--subset', action='store_true', help='connections, managers, queues and pools alone')
    parser.add_argument('--only', default='', help='a pattern that is searched for in Class.test')
    parser.add_argument('--jobs', type=int, default=4, help='runs at a time (4): most tests wait')
    parser.add_argument('--patience', type=int, default=PATIENCE, help='seconds for one test (%d)' % PATIENCE)
    parser.add_argument('--no-table', action='store_true', help='leave cpython_table.tsv as it is')
    parser.add_argument('--log', help='a file for what the tests print')
    parser.add_argument('--slowest', type=int, default=0, help='print as many of the slowest tests')
    options = parser.parse_args()
    runs = []
    found = support.find_pythons()
    for given in options.pythons or ['%d.%d' % version for version in sorted(found)]:
        version, _, method = given.partition(':')
        python = found.get(tuple(int(part) for part in version.split('.')[:2])) if os.sep not in version else version
        if python is None:
            print('absent: Python ' + version)
            continue
        full = subprocess.check_output([python, '-c', 'import platform; print(platform.python_version())']).decode().strip()
        full = tuple(int(re.match(r'\d+', part).group()) for part in full.split('.'))
        for each in [method] if method else METHODS if full >= (3,) else ('fork', 'pickles'):
            if not (options.subset and each == 'main'):
                runs.append(Run(python, full, each, options))
    reasons, table, lock, bad = excuses(), read_table(), threading.Lock(), []
    waiting = list(runs)

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                each = waiting.pop(0)
            had = each.all()
            with lock:
                if not had:
                    print('%s %s: this Python came without its tests' % (each.label(), each.method))
                    continue
                row, wrong = each.row(reasons)
                table[tuple(row[column] for column in COLUMNS[:4])] = row
                print('\t'.join(str(row[column]) for column in COLUMNS))
                print('\n'.join(wrong) + '\n' * bool(wrong), end='')
                if options.slowest:
                    slow = sorted(((seconds, name) for name, (_, _, seconds) in each.outcomes.items()), reverse=True)
                    print('\n'.join('    %5.1f %s' % item for item in slow[:options.slowest]))
                bad.extend(wrong)
                if not (options.no_table or options.only or options.subset):
                    write_table(table)
                sys.stdout.flush()

    threads = [threading.Thread(target=work) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not (options.no_table or options.only or options.subset):
        bad += too_many_left_out(table)
    if bad:
        print('\nwithout an excuse:\n' + '\n'.join(bad))
    return 1 if bad and not options.stock else 0


if __name__ == '__main__':
    sys.exit(main())
