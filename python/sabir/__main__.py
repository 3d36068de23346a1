"""`python -m sabir run [--protocol N] script.py [argument]...`: a program that uses `multiprocessing`, with a reducer of ours."""

import argparse
import os
import sys
import types

import sabir


def main():
    """Read the command line and run the program."""
    parser = argparse.ArgumentParser(prog='python -m sabir', description='multiprocessing that talks to every Python')
    commands = parser.add_subparsers(dest='command')
    run = commands.add_parser('run', help="run a program whose multiprocessing uses a reducer of Sabir's")
    run.add_argument('--protocol', type=int, help='the pickle protocol that is always written (default: what each peer reads)')
    run.add_argument('script', help='the program')
    run.add_argument('arguments', nargs=argparse.REMAINDER, help='its arguments')
    options = parser.parse_args()
    if options.command != 'run':
        parser.print_help()
        return 2
    try:
        reducer = sabir.Adaptive() if options.protocol is None else sabir.Pickle(options.protocol)
    except ValueError as error:
        parser.error(str(error))
    sabir.install(reducer)
    _run(options.script, options.arguments)
    return 0


def _run(script, arguments):
    """`script` as `__main__`, as `python script` would: its children find it by its file."""
    with open(script, 'rb') as file:
        code = compile(file.read(), script, 'exec')
    module = types.ModuleType('__main__')
    module.__file__ = script
    module.__builtins__ = __builtins__
    sys.modules['__main__'] = module
    sys.argv = [script] + arguments
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    exec(code, module.__dict__)


if __name__ == '__main__':
    sys.exit(main())
