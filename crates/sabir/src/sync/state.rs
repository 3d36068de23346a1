//! What all connections have in common: the pure server under a lock, and who waits for what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sabir_manager::Address as Place;
use sabir_manager::server::{ConnectionId, Ident, Message};
use sabir_manager::sync::{Reader, Step, SyncServer, Then};
use sabir_manager::types::{Meter, Row};
use sabir_net::Address;
use sabir_pickle::{Graph, Pythons};
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep_until;

use super::metrics::Counts;
use super::processes::Processes;
use super::stopping::Signal;
use super::turns::Turns;
use super::{BindError, SyncOptions};

/// A reply, and what comes after it; `None` closes the connection without one.
pub(super) type Due = Option<(Message, Then)>;

pub(super) struct State {
    pub(super) options: SyncOptions,
    /// Where the first listener is, as a token has it.
    address: Place,
    reader: Reader,
    /// Counts the memory of values and replies.
    pub(super) meter: Meter,
    pub(super) processes: Processes,
    started: Instant,
    inner: Mutex<Inner>,
    /// That there is a deadline that is earlier than the one that is waited for.
    sooner: Notify,
    connections: AtomicUsize,
    pub(super) counts: Counts,
    pub(super) turns: Turns,
    /// Nobody is waited for any more.
    pub(super) stop: Signal,
    /// Nor is what is still being sent.
    pub(super) cut: Signal,
}

struct Inner {
    server: SyncServer,
    /// Who waits for a reply.
    waiting: HashMap<ConnectionId, oneshot::Sender<Due>>,
    last: u64,
    /// The deadline that is waited for.
    alarm: Option<Duration>,
}

/// What metrics show of the state.
pub(super) struct Figures {
    pub(super) connections: usize,
    pub(super) types: Vec<(&'static str, Row)>,
    pub(super) waiting: usize,
    pub(super) references: u64,
    pub(super) seconds: u64,
}

/// What a request comes to.
pub(super) enum Came {
    Now(Due),
    Later(oneshot::Receiver<Due>),
}

impl State {
    pub(super) fn new(options: SyncOptions, address: Option<&Address>) -> Result<State, BindError> {
        let nonce = u64::from_le_bytes(sabir_net::random()?);
        let seed: [u8; 16] = sabir_net::random()?;
        let address = address.map_or(Place::Unix(Vec::new()), place);
        let mut server = SyncServer::new(nonce, seed, address.clone());
        for (name, typeid, arguments) in &options.objects {
            server
                .share(name, typeid, arguments)
                .map_err(|source| BindError::Object { name: name.clone(), source })?;
        }
        // What the server was started with is there in any case.
        server.set_most(options.most);
        server.set_reference_ttl(options.reference_ttl);
        let (reader, meter) = (server.reader().clone(), server.meter().clone());
        let inner = Inner { server, waiting: HashMap::new(), last: 0, alarm: None };
        Ok(State {
            options,
            address,
            reader,
            meter,
            processes: Processes::default(),
            started: Instant::now(),
            inner: Mutex::new(inner),
            sooner: Notify::new(),
            connections: AtomicUsize::new(0),
            counts: Counts::default(),
            turns: Turns::default(),
            stop: Signal::default(),
            cut: Signal::default(),
        })
    }

    /// What metrics show of it.
    pub(super) fn figures(&self) -> Figures {
        let inner = self.lock();
        Figures {
            connections: self.connections.load(Ordering::Relaxed),
            types: inner.server.tally().rows().collect(),
            waiting: inner.server.waiting(),
            references: inner.server.number_of_references(),
            seconds: self.started.elapsed().as_secs(),
        }
    }

    /// A place for one more connection, if there is one.
    pub(super) fn enter(self: &Arc<State>) -> Option<Entered> {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        let entered = Entered(Arc::clone(self));
        (before < self.options.max_connections).then_some(entered)
    }

    /// Counts in a client that is authenticated.
    pub(super) fn connected(
        &self,
        here: Option<&Address>,
        hint: Pythons,
        process: Option<u32>,
    ) -> ConnectionId {
        let here = here.map(place).filter(|here| *here != self.address);
        let mut inner = self.lock();
        inner.last += 1;
        let id = ConnectionId(inner.last);
        inner.server.connected(id, here, hint);
        if let Some(process) = process {
            inner.server.comes_from(id, process);
        }
        id
    }

    /// A message of a client. What takes long for a long one is done before the lock is taken.
    pub(super) fn request(&self, id: ConnectionId, message: Bytes) -> Came {
        let incoming = self.reader.read(Graph::load(message, &self.options.limits));
        let now = self.started.elapsed();
        let mut inner = self.lock();
        let steps = inner.server.incoming(id, incoming, now);
        let own = inner.deliver(steps, Some(id));
        let came = match own {
            Some(due) => Came::Now(due),
            None => {
                let (send, receive) = oneshot::channel();
                inner.waiting.insert(id, send);
                Came::Later(receive)
            }
        };
        self.set_alarm(&mut inner);
        came
    }

    /// A connection has ended.
    pub(super) fn closed(&self, id: ConnectionId) {
        let mut inner = self.lock();
        inner.waiting.remove(&id);
        let steps = inner.server.closed(id);
        inner.deliver(steps, None);
        self.set_alarm(&mut inner);
    }

    /// A reply has not arrived.
    pub(super) fn undelivered(&self, id: ConnectionId, granted: Ident) {
        let mut inner = self.lock();
        let steps = inner.server.undelivered(id, granted);
        inner.deliver(steps, None);
    }

    /// A process at the other end of a Unix socket has ended.
    pub(super) fn process_ended(&self, process: u32) {
        let mut inner = self.lock();
        let steps = inner.server.process_ended(process);
        inner.deliver(steps, None);
    }

    /// Answers those whose time has come, for ever.
    pub(super) async fn keep_time(&self) {
        loop {
            let next = {
                let mut inner = self.lock();
                let steps = inner.server.expire(self.started.elapsed());
                inner.deliver(steps, None);
                inner.alarm = inner.server.next_deadline();
                inner.alarm
            };
            let alarm = async {
                match next.and_then(|next| self.started.checked_add(next)) {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = alarm => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    fn set_alarm(&self, inner: &mut Inner) {
        let next = inner.server.next_deadline();
        if next.is_some_and(|next| inner.alarm.is_none_or(|alarm| next < alarm)) {
            inner.alarm = next;
            self.sooner.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The pure server does not panic; if it did, what it holds would still be whole enough to end with.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Hands replies to whom they are due; gives back that of the connection whose own task asks.
    fn deliver(&mut self, steps: Vec<Step>, own: Option<ConnectionId>) -> Option<Due> {
        let mut mine = None;
        for step in steps {
            let (to, due) = match step {
                Step::Send { message, then } => (message.connection, Some((message, then))),
                Step::Close(connection) => (connection, None),
                _ => continue,
            };
            if own == Some(to) {
                mine = Some(due);
            } else if let Some(waiting) = self.waiting.remove(&to) {
                // If its task has just ended, so has the connection.
                let _ = waiting.send(due);
            }
        }
        mine
    }
}

/// One of the connections that there may be, until it is dropped.
pub(super) struct Entered(Arc<State>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// As a token has it.
fn place(address: &Address) -> Place {
    match address {
        Address::Tcp { host, port } | Address::Tls { host, port } => {
            Place::Inet { host: host.clone(), port: *port }
        }
        other => match other.to_python() {
            Some(sabir_net::PythonAddress::Unix(name)) => Place::Unix(name),
            _ => Place::Unix(Vec::new()),
        },
    }
}
