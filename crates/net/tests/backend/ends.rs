//! One end of a connection under either driver, so that a test has one body.
//!
//! Each asynchronous end has a runtime of its own, in the thread that calls it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::Bytes;
use sabir_net::blocking::{self, Listener};
use sabir_net::handles::HandleRules;
use sabir_net::{Deadline, Error, tokio as asynchronous};
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions};
use tokio::runtime::{self, Runtime};

use crate::backend::{Backends, far};

#[derive(Debug)]
pub(crate) enum End {
    Blocking(blocking::Connection),
    Tokio(asynchronous::Connection, Runtime),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Blocking,
    Tokio,
    /// Tokio, with connections that save memory.
    Thrifty,
}

pub(crate) const DRIVERS: [Driver; 3] = [Driver::Blocking, Driver::Tokio, Driver::Thrifty];

/// An end under each driver over each backend, and the bare stream at its other end.
pub(crate) fn with_bare_peers(mut test: impl FnMut(End, blocking::Stream)) {
    for address in Backends::new().addresses {
        for driver in DRIVERS {
            println!("{address} {driver:?}");
            let listener = Listener::bind(&address).unwrap();
            let end = End::of(blocking::Stream::connect(listener.local_address(), far()).unwrap(), driver);
            test(end, listener.accept(far()).unwrap());
        }
    }
}

/// Who meets whom.
const PAIRS: [(Driver, Driver); 5] = [
    (Driver::Blocking, Driver::Blocking),
    (Driver::Blocking, Driver::Tokio),
    (Driver::Tokio, Driver::Blocking),
    (Driver::Tokio, Driver::Tokio),
    (Driver::Thrifty, Driver::Thrifty),
];

/// Two authenticated ends, of pairs of drivers, over each backend.
pub(crate) fn pairs(mut test: impl FnMut(End, End)) {
    for address in Backends::new().addresses {
        for (accepting, connecting) in PAIRS {
            println!("{address} {accepting:?} {connecting:?}");
            let listener = Listener::bind(&address).unwrap();
            let there = listener.local_address().clone();
            let client = std::thread::spawn(move || {
                let stream = blocking::Stream::connect(&there, far()).unwrap();
                End::authenticated(stream, connecting, false)
            });
            let server = End::authenticated(listener.accept(far()).unwrap(), accepting, true);
            test(server, client.join().unwrap());
        }
    }
}

/// Calls the method of whichever connection it is.
macro_rules! call {
    ($end:expr, $method:ident($($argument:expr),*)) => {
        match $end {
            End::Blocking(connection) => connection.$method($($argument),*),
            End::Tokio(connection, runtime) => runtime.block_on(connection.$method($($argument),*)),
        }
    };
}

impl End {
    pub(crate) fn of(stream: blocking::Stream, driver: Driver) -> Self {
        let config = Config::default();
        match driver {
            Driver::Blocking => Self::Blocking(blocking::Connection::new(stream, config)),
            Driver::Tokio | Driver::Thrifty => {
                let (stream, runtime) = asynchronously(stream);
                Self::asynchronous(asynchronous::Connection::new(stream, config), runtime, driver)
            }
        }
    }

    fn authenticated(stream: blocking::Stream, driver: Driver, accepts: bool) -> Self {
        let (config, key, options) = (Config::default(), AuthKey::new(*b"secret"), AuthOptions::default());
        match driver {
            Driver::Blocking => Self::Blocking(if accepts {
                blocking::Connection::accepting(stream, config, key, options, far()).unwrap()
            } else {
                blocking::Connection::connecting(stream, config, key, options, far()).unwrap()
            }),
            Driver::Tokio | Driver::Thrifty => {
                let (stream, runtime) = asynchronously(stream);
                let connection = runtime.block_on(async {
                    if accepts {
                        asynchronous::Connection::accepting(stream, config, key, options, far()).await
                    } else {
                        asynchronous::Connection::connecting(stream, config, key, options, far()).await
                    }
                });
                Self::asynchronous(connection.unwrap(), runtime, driver)
            }
        }
    }

    fn asynchronous(mut connection: asynchronous::Connection, runtime: Runtime, driver: Driver) -> Self {
        if driver == Driver::Thrifty {
            connection.save_memory();
        }
        Self::Tokio(connection, runtime)
    }

    pub(crate) fn is_unix(&self) -> bool {
        match self {
            Self::Blocking(connection) => connection.stream().is_unix(),
            Self::Tokio(connection, _) => connection.stream().is_unix(),
        }
    }

    pub(crate) fn send_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        call!(self, send_bytes(message, deadline))
    }

    pub(crate) fn send_vectored(&mut self, pieces: &[Vec<u8>], by: impl Into<Deadline>) -> Result<(), Error> {
        call!(self, send_vectored(pieces, by))
    }

    pub(crate) fn queue_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        call!(self, queue_bytes(message, deadline))
    }

    pub(crate) fn flush(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        call!(self, flush(deadline))
    }

    pub(crate) fn queued(&self) -> usize {
        match self {
            Self::Blocking(connection) => connection.queued(),
            Self::Tokio(connection, _) => connection.queued(),
        }
    }

    pub(crate) fn recv_bytes(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Bytes>, Error> {
        call!(self, recv_bytes(deadline))
    }

    pub(crate) fn recv_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<Option<usize>, Error> {
        call!(self, recv_bytes_into(buffer, deadline))
    }

    pub(crate) fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool, Error> {
        call!(self, poll(deadline))
    }

    pub(crate) fn send_handle(&mut self, handle: OwnedFd, rules: HandleRules) -> Result<(), Error> {
        call!(self, send_handle(handle, rules, far()))
    }

    pub(crate) fn recv_handle(&mut self, rules: HandleRules) -> Result<OwnedFd, Error> {
        call!(self, recv_handle(rules, far()))
    }

    pub(crate) fn shutdown_write(&mut self) -> Result<(), Error> {
        call!(self, shutdown_write(far()))
    }

    pub(crate) fn close(self) -> Result<(), Error> {
        call!(self, close(far()))
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Blocking(connection) => connection.as_fd(),
            Self::Tokio(connection, _) => connection.as_fd(),
        }
    }
}

fn asynchronously(stream: blocking::Stream) -> (asynchronous::Stream, Runtime) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = {
        let _inside = runtime.enter();
        let is_unix = stream.is_unix();
        let socket = OwnedFd::from(stream);
        if is_unix {
            let socket = std::os::unix::net::UnixStream::from(socket);
            socket.set_nonblocking(true).unwrap();
            asynchronous::Stream::from_unix(tokio::net::UnixStream::from_std(socket).unwrap())
        } else {
            let socket = std::net::TcpStream::from(socket);
            socket.set_nonblocking(true).unwrap();
            asynchronous::Stream::from_tcp(tokio::net::TcpStream::from_std(socket).unwrap())
        }
    };
    (stream, runtime)
}
