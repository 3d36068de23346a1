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

use crate::address::IntoAddress;
use crate::channel::config;
use crate::connection::Connection;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::reducer::Reducer;
use crate::timeouts::Timeouts;
use crate::turn::{Turn, Turns};

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
    doors: Turns<Doors>,
    refused: Mutex<VecDeque<Error>>,
}

/// Those who are not in yet.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    pending: VecDeque<Pending>,
    ready: VecDeque<Connection>,
}

/// How many may authenticate at a time. Beyond these the one that waits longest is closed, so that a flood of silent
/// peers costs bounded memory and a real one still comes in between.
const MOST_PENDING: usize = 1024;
/// How many failures are remembered.
const MOST_REFUSED: usize = 64;

impl Listener {
    /// Listens: [`Context::listener`] by another name.
    ///
    /// # Errors
    /// As there.
    pub fn bind(context: &Context, address: impl IntoAddress) -> Result<Listener> {
        let inner = blocking::Listener::bind(&address.into_address()?)?;
        Ok(Listener { inner, context: context.clone(), doors: Turns::default(), refused: Mutex::default() })
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
        let late = || Error::from(sabir_net::Error::Timeout { doing: Doing::Accepting });
        let mut doors = self.doors(deadline).ok_or_else(late)?;
        loop {
            if let Some(connection) = doors.ready.pop_front() {
                return Ok(connection);
            }
            let ready = wait(&self.objects(&doors), doors.next(deadline))?;
            if ready.is_empty() && deadline.has_passed() {
                return Err(late());
            }
            self.advance(&mut doors, &ready)?;
        }
    }

    /// Why peers were turned away since this was last asked: wrong keys, silence, bytes that are no handshake, too many at
    /// once. The last 64 are kept.
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
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// Gives what is accepted from now on another reducer.
    pub fn set_reducer(&mut self, reducer: impl Into<Reducer>) {
        self.context = self.context.clone().reducer(reducer);
    }

    /// How long things may take here, and on what is accepted.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.context.settings().timeouts
    }

    /// Gives what is accepted from now on other timeouts.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.context = self.context.clone().timeouts(timeouts);
    }

    /// Those who are not in yet, for one thread at a time; nothing at the deadline.
    pub(crate) fn doors(&self, deadline: Deadline) -> Option<Turn<'_, Doors>> {
        self.doors.take(deadline)
    }

    /// What to wait for: the listener itself, and then those who authenticate.
    pub(crate) fn objects<'a>(&'a self, doors: &'a Doors) -> Vec<&'a dyn Waitable> {
        let pending = doors.pending.iter().map(|pending| &pending.stream as &dyn Waitable);
        [&self.inner as &dyn Waitable].into_iter().chain(pending).collect()
    }

    /// Goes on with those of the [`objects`](Listener::objects) that are ready, and closes who is too slow.
    pub(crate) fn advance(&self, doors: &mut Doors, ready: &[usize]) -> Result<()> {
        // From the last, so that the places of those before stay.
        for place in ready.iter().rev().filter(|place| **place > 0).map(|place| place - 1) {
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
                    self.refuse(error);
                }
            }
        }
        while let Some(place) = doors.pending.iter().position(|pending| pending.deadline.has_passed()) {
            doors.pending.remove(place);
            self.refuse(sabir_net::Error::Timeout { doing: Doing::Authenticating }.into());
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
            if doors.pending.len() >= MOST_PENDING && doors.pending.pop_front().is_some() {
                self.refuse(Error::Crowded);
            }
            let settings = self.context.settings();
            let handshake = Handshake::accepting(key, sabir_net::nonce()?, settings.auth);
            let wire = sabir_wire::Connection::with_handshake(config(&self.context), handshake);
            let mut pending = Pending { stream, wire, deadline: settings.timeouts.handshake.into() };
            match pending.transmit() {
                Ok(()) => doors.pending.push_back(pending),
                Err(error) => self.refuse(error),
            }
        }
    }

    fn refuse(&self, error: Error) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MOST_REFUSED {
            refused.pop_front();
        }
        refused.push_back(error);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl Doors {
    /// Whether somebody is in, whom `accept` would return at once.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When something has to be done at the latest: at this deadline, or at that of who authenticates.
    pub(crate) fn next(&self, deadline: Deadline) -> Deadline {
        let moments = self.pending.iter().map(|pending| pending.deadline).chain([deadline]);
        moments.filter_map(Deadline::instant).min().map_or(Deadline::NEVER, Deadline::from)
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
