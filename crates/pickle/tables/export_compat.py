#!/usr/bin/env python3
"""Print one Python 3's `_compat_pickle` as rows of compat.tsv.

    for p in ~/.pyenv/versions/3.*/bin/python; do $p export_compat.py; done | sort -u

Python 3 applies `forward` rows to GLOBAL and INST of protocols below 3 when it reads, and `reverse` rows below 3 when it
writes. A row with a name is looked up first, then the row of its module (`*`). The sets of exceptions that
`_compat_pickle` also holds need no rows of their own: it has put them into its name mappings by the time it is imported.
"""
import _compat_pickle as compat

TABLES = (
    ("forward", compat.NAME_MAPPING, compat.IMPORT_MAPPING),
    ("reverse", compat.REVERSE_NAME_MAPPING, compat.REVERSE_IMPORT_MAPPING),
)


def rows():
    for direction, names, modules in TABLES:
        for (module, name), (to_module, to_name) in names.items():
            yield direction, module, name, to_module, to_name
        for module, to_module in modules.items():
            yield direction, module, "*", to_module, "*"


if __name__ == "__main__":
    for row in sorted(rows()):
        print("\t".join(row))
