#!/usr/bin/env python
"""Prints the opcode table of this interpreter's `pickletools`, a line an opcode. Runs in 2.7 and in 3.x.

    python export_opcodes.py > opcodes/VERSION.tsv

Fields, parted by tabs: name, byte in hex, form of the argument (pickletools' own name, or -), protocol, what the opcode takes
from the stack and what it leaves there (types parted by spaces, or -). tests/opcode_table.rs compares them with OPCODES.
"""
from __future__ import print_function

import pickletools
import sys


def items(stack):
    return ' '.join(item.name for item in stack) or '-'


print('# pickletools of Python %d.%d, by export_opcodes.py' % sys.version_info[:2])
for opcode in pickletools.opcodes:
    argument = opcode.arg.name if opcode.arg else '-'
    print(opcode.name, '%02x' % ord(opcode.code), argument, opcode.proto, items(opcode.stack_before),
          items(opcode.stack_after), sep='\t')
