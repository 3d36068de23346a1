"""Runs `cpython_suite.py` and writes its table: `python cpython_table.py [--write FILE] [--only NAME]... PYTHON[:METHOD]...`.

Each interpreter runs the start methods given, or fork, spawn and forkserver. The table has a row for each, with how many
tests passed, failed, were excused by `cpython_excuses.tsv`, and were skipped by CPython itself.
"""

from __future__ import print_function

import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXCUSES = os.path.join(HERE, 'cpython_excuses.tsv')
_LINE = re.compile(r'^(\w+) \(([\w.]+)\)')
_VERDICT = re.compile(r'(ok|FAIL|ERROR|skipped .*|expected failure)$')


def excuses():
    """Patterns of tests and the reason of each."""
    rows = []
    with open(EXCUSES) as file:
        for line in file:
            if line.strip() and not line.startswith('#'):
                pattern, reason = line.rstrip('\n').split('\t')
                rows.append((re.compile(pattern + '$'), reason))
    return rows


def run(python, method, only, limit):
    """The verdict of each test: a dict of names."""
    command = [python, '-B', os.path.join(HERE, 'cpython_suite.py'), method] + only
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=HERE)
    try:
        out = process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        # A run that was cut off has no row.
        raise SystemExit('%s %s: not finished in %d s; give it more by --limit' % (python, method, limit))
    return verdicts(out.decode('utf-8', 'replace'))


def verdicts(text):
    """The verdicts in the output of `unittest -v`; one that other output hides counts as 'lost'."""
    found, current = {}, None
    for line in text.split('\n'):
        if line.startswith('====='):
            break
        match = _LINE.match(line)
        if match:
            name, where = match.groups()
            cls = [part for part in where.split('.') if part not in ('__main__', name)]
            current = '%s.%s' % (cls[-1] if cls else '', name)
            found[current] = 'lost'
        verdict = _VERDICT.search(line)
        if current and verdict:
            found[current] = verdict.group(1).split(' ')[0]
    for kind, name, where in re.findall(r'^(FAIL|ERROR): (\w+) \(([\w.]+)\)', text, re.M):
        cls = [part for part in where.split('.') if part not in ('__main__', name)]
        found['%s.%s' % (cls[-1] if cls else '', name)] = kind
    return found


def write(path, rows):
    """Writes the rows; those of other interpreters and methods that the file has stay."""
    kept = {}
    if os.path.exists(path):
        with open(path) as file:
            kept = dict((tuple(line.split('\t')[:2]), line.rstrip('\n')) for line in file if not line.startswith('#'))
    kept.update((tuple(row.split('\t')[:2]), row) for row in rows)
    with open(path, 'w') as file:
        file.write('# Written by cpython_table.py.\n# python\tmethod\tpassed\tfailed\texcused\tskipped\n')
        file.write('\n'.join(kept[key] for key in sorted(kept)) + '\n')


def main():
    """Reads the command line, runs and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('pythons', nargs='+')
    parser.add_argument('--write', help='the file of the table')
    parser.add_argument('--only', action='append', default=[], help='a class or test, as unittest names it')
    parser.add_argument('--limit', type=int, default=900, help='seconds for one run')
    options = parser.parse_args()
    rows, unexcused = [], []
    reasons = excuses()
    for given in options.pythons:
        python, _, method = given.partition(':')
        version = subprocess.check_output([python, '-c', 'import platform; print(platform.python_version())'])
        version = version.decode().strip()
        for start in [method] if method else ['fork', 'spawn', 'forkserver']:
            counts = {'ok': 0, 'failed': 0, 'excused': 0, 'skipped': 0}
            for name, verdict in sorted(run(python, start, options.only, options.limit).items()):
                if verdict in ('ok', 'expected'):
                    counts['ok'] += 1
                elif verdict == 'skipped':
                    counts['skipped'] += 1
                elif any(pattern.match(name) for pattern, _ in reasons):
                    counts['excused'] += 1
                else:
                    counts['failed'] += 1
                    unexcused.append('%s %s %s: %s' % (version, start, name, verdict))
            rows.append('%s\t%s\t%d\t%d\t%d\t%d' % (
                version, start, counts['ok'], counts['failed'], counts['excused'], counts['skipped']))
            print(rows[-1])
            sys.stdout.flush()
    for line in unexcused:
        print(line)
    if options.write:
        write(options.write, rows)
    return 1 if unexcused else 0


if __name__ == '__main__':
    sys.exit(main())
