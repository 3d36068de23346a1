"""`python -m sabir` for a runner that takes a script."""

import runpy

runpy.run_module('sabir', run_name='__main__', alter_sys=True)
