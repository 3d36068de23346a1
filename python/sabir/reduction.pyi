from multiprocessing.reduction import (
    AbstractReducer as AbstractReducer,
    DupFd as DupFd,
    dump as dump,
    ForkingPickler as ForkingPickler,
    HAVE_SEND_HANDLE as HAVE_SEND_HANDLE,
    recv_handle as recv_handle,
    send_handle as send_handle,
)

from .reducers import *
