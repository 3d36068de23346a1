#!/usr/bin/env python
"""What each public class and function of one Python's standard library pickles as. Runs in 2.7 and in 3.x.

    python scan_names.py scan
        imports every public module that is safe to import, pickles its classes and functions, and prints
        `public module <tab> public name <tab> protocol <tab> pickled module <tab> pickled name`;
        Python 3 prints protocol 2 (names mapped back to Python 2's) and 4 (names as they are), 2.7 prints protocol 2.

    python scan_names.py resolve < questions
        for each line `protocol <tab> module <tab> name <tab> path,path...` loads a pickle of that global and prints
        `same` (it is the object at one of the public paths, written `module:name`), `other` (another object),
        or `no` (it does not load). With no path at all, `other` says that it loads.

interop/tests/names.rs asks these questions with the names as Sabir translates them.
"""
from __future__ import print_function

import importlib
import inspect
import os
import pickle
import pickletools
import pkgutil
import sys
import warnings

# Importing these opens windows, prints poems, starts test suites or patches the interpreter; `encodings` holds codecs,
# which pickle by encoding name; `lib2to3` writes its grammar caches.
SKIPPED = set(
    "antigravity this idlelib test tests turtledemo lib2to3 encodings ensurepip pydoc_data site sitecustomize "
    "usercustomize site-packages dist-packages __main__ __phello__ bsddb lib-tk turtle rlcompleter user".split()
)
PY2 = sys.version_info[0] == 2


def public_modules():
    """Names of modules of the standard library without an underscore in any part."""
    found = set(name for name in sys.builtin_module_names if name != "__main__")
    library = os.path.dirname(os.__file__)
    folders = [("", library), ("", os.path.join(library, "lib-dynload"))]
    while folders:
        prefix, folder = folders.pop()
        for entry in pkgutil.iter_modules([folder]):
            name, is_package = entry[1], entry[2]
            if name.startswith("_") or name in SKIPPED:
                continue
            found.add(prefix + name)
            if is_package:
                folders.append((prefix + name + ".", os.path.join(folder, name)))
    return sorted(name for name in found if not name.startswith("_") and name not in SKIPPED) + [
        "__builtin__" if PY2 else "builtins"
    ]


def load(name):
    """The module, or None: many belong to another platform or to a library that is not built in."""
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def public_names(module):
    names = getattr(module, "__all__", None)
    return sorted(set(n for n in (dir(module) if names is None else names) if not n.startswith("_")))


def pickled_name(value, protocol):
    """The global that a pickle of `value` consists of; None if it is more than a global, or not picklable."""
    try:
        data = pickle.dumps(value, protocol)
    except Exception:
        return None
    strings, found = [], None
    for op, argument, _ in pickletools.genops(data):
        if op.name == "GLOBAL":
            found = tuple(argument.split(" ", 1))
        elif op.name == "STACK_GLOBAL":
            found = tuple(strings)
        elif "UNICODE" in op.name:
            strings.append(argument)
        elif op.name == "BINGET":  # the module and the name are one text: `datetime.datetime`
            strings.append(strings[argument])
        elif op.name not in ("PROTO", "FRAME", "PUT", "BINPUT", "MEMOIZE", "STOP"):
            return None
    return found if found and len(found) == 2 else None


def is_public_elsewhere(module, name, value, home):
    """An import that the module has no list of public names to deny: `xml.sax.handler.os`, say."""
    return (
        not hasattr(module, "__all__")
        and home is not None
        and home != (module.__name__, name)
        and not any(part.startswith("_") for part in home[0].split("."))
        and home[0].split(".")[0] != module.__name__.split(".")[0]
        and home[0] not in ("builtins", "__builtin__", "exceptions")
    )


def scan():
    protocols = [2] if PY2 else [2, 4]
    for module_name in public_modules():
        module = load(module_name)
        if module is None:
            continue
        for name in public_names(module):
            try:
                value = getattr(module, name)
            except Exception:
                continue
            if not (inspect.isclass(value) or inspect.isroutine(value)):
                continue
            home = pickled_name(value, protocols[-1])
            if home is None or is_public_elsewhere(module, name, value, home):
                continue
            for protocol in protocols:
                written = pickled_name(value, protocol)
                if written is not None:
                    print("\t".join([module_name, name, str(protocol)] + list(written)))


def global_pickle(protocol, module, name):
    if protocol < 4:
        text = b"c" + module.encode("utf-8") + b"\n" + name.encode("utf-8") + b"\n"
    else:
        text = b""
        for part in (module.encode("utf-8"), name.encode("utf-8")):
            text += b"X" + bytearray([len(part), 0, 0, 0]) + part
        text += b"\x93"
    return bytes(bytearray([0x80, protocol]) + text + b".")


def at_path(path):
    module, name = path.split(":")
    value = load(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def answer(protocol, module, name, paths):
    try:
        value = pickle.loads(global_pickle(int(protocol), module, name))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "no"
    for path in paths.split(",") if paths else []:
        try:
            if at_path(path) is value:
                return "same"
        except AttributeError:
            pass
    return "other"


def resolve():
    for line in sys.stdin.read().split("\n"):
        if line:
            print(answer(*line.split("\t")))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    # What a module prints while it is imported is not an answer.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout, sys.stderr = output, open(os.devnull, "w")
    {"scan": scan, "resolve": resolve}[sys.argv[1]]()
    output.flush()
    os._exit(0)
