"""Writes the pickles of the cases beside it. Run with Python 3.8 to 3.13; the bytes do not depend on which."""
import os
import pickle

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cases')


def write(case, name, data):
    with open(os.path.join(HERE, case, name), 'wb') as file:
        file.write(data)


items = ['pepper', 2 ** 70, 1.5, b'\xff', None]
shared = pickle.dumps({'first': items, 'second': items, 'pair': (1, True)}, 4)
for case in ('dis', 'json', 'check_safe', 'convert_for_2_7', 'convert_too_new'):
    write(case, 'shared.pickle', shared)
for case in ('dis_broken', 'convert_no_pickle'):
    write(case, 'broken.pickle', shared[:20])
system = b'cos\nsystem\n(S\'echo\'\ntR.'
write('check_dangerous', 'system.pickle', system)
write('check_unknown', 'unknown.pickle', b'\x80\x02cbank\nAccount\n)\x81.')
write('check_second_pickle', 'two.pickle', shared + system)
for case in ('convert_output_nowhere', 'convert_several', 'dis_several', 'json_several'):
    write(case, 'two.pickle', b'\x80\x02}U\x01aK\x01s.\x80\x02]q\x00.')
write('json_then_text', 'file', b'\x80\x02N.and so on\n')
for case in ('check_text', 'convert_text', 'dis_text', 'json_text'):
    write(case, 'text', b'import os\n')
# Unicode, if a Python 2 wrote it; else text, which becomes str if that is asked for.
write('convert_from', 'text.pickle', b'\x80\x02X\x04\0\0\0ahoy.')
# `shop` was renamed.
write('convert_names', 'order.pickle', b'\x80\x02cshop\nOrder\n)\x81.')
write('check_verdicts', 'order.pickle', b'\x80\x02cshop\nOrder\n)\x81.')
write('check_intern', 'intern.pickle', b'\x80\x02csys\nintern\nX\x04\0\0\0ahoy\x85R.')
