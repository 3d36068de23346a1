//! A listener that no peer can block.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sabir_net::blocking::{self, Stream, Waitable, wait};
use sabir_net::{Address, Deadline, Doing};
use sabir_wire::auth::{Handshake, PeerHints};
use sabir_wire::{Config, Event};

use crate::channel::config;
use crate::connection::Connection;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::reducer::Reducer;
use crate::timeouts::Timeouts;

/// A listening socket, as `multiprocessing.connection.Listener` is.
///
/// CPython's `accept` waits for one peer's handshake while the next ones wait for it: one that connects and says nothing
/// stops the server. Here all that have connected authenticate at once, in the thread that waits in
/// [`accept`](Listener::accept), and the first that has proved the key is returned. Who fails is closed, told so where the
/// protocol can, and remembered in [`refused`](Listener::refused).
///
/// ```
/// use std::thread;
///
/// use sabir::Context;
///
/// let context = Context::new().authkey(b"secret");
/// let listener = context.listener("127.0.0.1:0")?;
/// let address = listener.address().clone();
/// let clients = thread::spawn(move || {
///     let silent = Context::new().client(&address)?; // Keeps nobody waiting.
///     let stranger = Context::new().authkey(b"guess").client(&address);
///     context.client(&address)?.send("ahoy")?;
///     Ok::<_, sabir::Error>((silent, stranger.is_err()))
/// });
/// assert_eq!(listener.accept()?.recv::<String>()?, "ahoy");
/// # drop(clients);
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: blocking::Listener,
    context: Context,
    doors: Mutex<Doors>,
}

/// Those who are not in yet.
#[derive(Debug, Default)]
struct Doors {
    pending: VecDeque<Pending>,
    ready: VecDeque<Connection>,
    refused: Vec<Error>,
}

/// How many may authenticate at a time. Beyond these the one that waits longest is closed, so that a flood of silent
/// peers costs bounded memory and a real one still comes in between.
const MOST_PENDING: usize = 1024;
/// How many failures are remembered.
const MOST_REFUSED: usize = 64;

impl Listener {
    pub(crate) fn bind(context: &Context, address: &Address) -> Result<Listener> {
        let inner = blocking::Listener::bind(address)?;
        Ok(Listener { inner, context: context.clone(), doors: Mutex::default() })
    }

    /// Where peers connect to: the port that the system picked, if it was asked for 0.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.inner.local_address()
    }

    /// Waits until a peer has connected and authenticated. Several threads may wait; they take turns.
    ///
    /// # Errors
    /// [`Error::Net`]: the timeout of accepting has passed, or the listener itself is broken. That a peer fails is no
    /// error.
    pub fn accept(&self) -> Result<Connection> {
        let deadline = Deadline::from(self.context.settings().timeouts.accept);
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = doors.ready.pop_front() {
                return Ok(connection);
            }
            self.wait(&mut doors, deadline)?;
        }
    }

    /// Why peers were turned away since this was last asked: wrong keys, silence, bytes that are no handshake. At most
    /// 64 are kept.
    ///
    /// ```
    /// # fn example(listener: &sabir::Listener) -> sabir::Result<()> {
    /// let connection = listener.accept()?;
    /// for error in listener.refused() {
    ///     eprintln!("turned away: {error}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn refused(&self) -> Vec<Error> {
        std::mem::take(&mut self.doors.lock().unwrap_or_else(PoisonError::into_inner).refused)
    }

    /// Gives what is accepted from now on another reducer.
    pub fn set_reducer(&mut self, reducer: impl Into<Reducer>) {
        self.context = self.context.clone().reducer(reducer);
    }

    /// Gives what is accepted from now on other timeouts.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.context = self.context.clone().timeouts(timeouts);
    }

    /// Waits once for whatever comes first: a peer that connects, bytes of one that authenticates, a deadline.
    fn wait(&self, doors: &mut Doors, deadline: Deadline) -> Result<()> {
        let moments = doors.pending.iter().map(|pending| pending.deadline).chain([deadline]);
        let until = moments.filter_map(Deadline::instant).min().map_or(Deadline::NEVER, Deadline::from);
        let mut all: Vec<&dyn Waitable> = vec![&self.inner];
        all.extend(doors.pending.iter().map(|pending| &pending.stream as &dyn Waitable));
        let ready = wait(&all, until)?;
        if ready.is_empty() && deadline.has_passed() {
            return Err(sabir_net::Error::Timeout { doing: Doing::Accepting }.into());
        }
        // From the last, so that the places of those before stay.
        for place in ready.into_iter().rev().filter(|place| *place > 0).map(|place| place - 1) {
            let Some(pending) = doors.pending.get_mut(place) else { continue };
            match pending.advance() {
                Ok(None) => {}
                Ok(Some(hints)) => {
                    if let Some(pending) = doors.pending.remove(place) {
                        doors.ready.push_back(pending.into_connection(&self.context, hints));
                    }
                }
                Err(error) => {
                    doors.pending.remove(place);
                    doors.refuse(error);
                }
            }
        }
        while let Some(place) = doors.pending.iter().position(|pending| pending.deadline.has_passed()) {
            doors.pending.remove(place);
            doors.refuse(sabir_net::Error::Timeout { doing: Doing::Authenticating }.into());
        }
        self.take_in(doors)
    }

    /// Takes in all who have connected.
    fn take_in(&self, doors: &mut Doors) -> Result<()> {
        loop {
            let stream = match self.inner.accept(Duration::ZERO) {
                Ok(stream) => stream,
                Err(sabir_net::Error::Timeout { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let Some(key) = self.context.settings().authkey.clone() else {
                doors.ready.push_back(Connection::over(&self.context, stream, Peer::STRANGER));
                continue;
            };
            if doors.pending.len() >= MOST_PENDING {
                doors.pending.pop_front();
            }
            let settings = self.context.settings();
            let handshake = Handshake::accepting(key, sabir_net::nonce()?, settings.auth);
            let wire = sabir_wire::Connection::with_handshake(config(&self.context), handshake);
            let mut pending = Pending { stream, wire, deadline: settings.timeouts.handshake.into() };
            match pending.transmit() {
                Ok(()) => doors.pending.push_back(pending),
                Err(error) => doors.refuse(error),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl Doors {
    fn refuse(&mut self, error: Error) {
        if self.refused.len() < MOST_REFUSED {
            self.refused.push(error);
        }
    }
}

/// One that has connected and not yet authenticated.
#[derive(Debug)]
struct Pending {
    stream: Stream,
    wire: sabir_wire::Connection,
    deadline: Deadline,
}

/// How much is read at once of a peer that is not authenticated, in bytes: a frame of a handshake has at most 256.
const READ: usize = 512;

impl Pending {
    /// Goes on with the bytes that are there; gives what was learnt of the peer once it is in.
    fn advance(&mut self) -> Result<Option<PeerHints>> {
        match self.stream.try_read(self.wire.receive_buffer(READ)) {
            Ok(0) => self.wire.handle_eof(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(None);
            }
            Err(source) => {
                return Err(sabir_net::Error::Io { doing: Doing::Authenticating, source }.into());
            }
        }
        loop {
            let event = self.wire.poll_event();
            // What it is to hear of its failure too.
            let sent = self.transmit();
            match event.map_err(sabir_net::Error::from)? {
                Some(Event::Authenticated(hints)) => return sent.map(|()| Some(hints)),
                Some(_) => sent?,
                None => {
                    self.stream.quickack();
                    return sent.map(|()| None);
                }
            }
        }
    }

    /// Writes what is to be written: a hundred bytes, which a fresh socket takes at once.
    fn transmit(&mut self) -> Result<()> {
        let deadline = Deadline::from(AT_ONCE);
        while let Some(chunk) = self.wire.poll_transmit() {
            self.stream.write_all(&mut [IoSlice::new(&chunk)], deadline)?;
        }
        Ok(())
    }

    fn into_connection(self, context: &Context, hints: PeerHints) -> Connection {
        let config: Config = config(context);
        let (rest, _) = self.wire.into_parts();
        let inner = blocking::Connection::from_parts(self.stream, config, hints, &rest);
        Connection::of(context, inner, Peer::authenticated(hints))
    }
}

/// How long a peer may leave a hundred bytes unread in its socket's buffer before it is given up.
const AT_ONCE: Duration = Duration::from_millis(100);
