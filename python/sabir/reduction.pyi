from multiprocessing.reduction import (
    AbstractReducer as AbstractReducer,
    DupFd as DupFd,
    dump as dump,
    ForkingPickler as ForkingPickler,
    HAVE_SEND_HANDLE as HAVE_SEND_HANDLE,
    recv_handle as recv_handle,
    send_handle as send_handle,
)

from .reducers import (
    Adaptive as Adaptive,
    as_reducer as as_reducer,
    CBOR as CBOR,
    CloudPickle as CloudPickle,
    Dill as Dill,
    JSON as JSON,
    MessagePack as MessagePack,
    Pickle as Pickle,
    Reducer as Reducer,
    register as register,
    Restricted as Restricted,
)
