//! The connections to one manager: one for each thread that calls methods, and one for each function.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;
use sabir_manager::request;
use sabir_net::blocking::wait;
use sabir_net::{Address, Deadline};
use sabir_pickle::{Graph, NodeId};
use serde::Serialize;

use super::exchange::{self, Reply};
use crate::connection::Connection;
use crate::context::Context;
use crate::error::Result;

/// One manager, and what is open to it.
#[derive(Debug)]
pub(crate) struct Link {
    context: Context,
    address: Address,
    threads: Mutex<HashMap<ThreadId, Slot>>,
}

/// The connection of a thread. Only that thread locks it while it is in use.
type Slot = Arc<Mutex<Option<Connection>>>;

impl Link {
    pub(crate) fn new(context: Context, address: Address) -> Link {
        Link { context, address, threads: Mutex::default() }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for a function of the server, on a connection of its own.
    pub(crate) fn function(&self, request: Graph) -> Result<Reply> {
        self.function_by(request, self.deadline())
    }

    /// Gives a reference back where nobody waits for the outcome: in 5 seconds, or not at all.
    pub(crate) fn let_go(&self, ident: &str) {
        let deadline = exchange::earlier(self.deadline(), Duration::from_secs(5).into());
        // Nobody could be told. A manager that is gone counts nothing any more.
        let _ = self.function_by(request::decref(ident), deadline);
    }

    fn function_by(&self, request: Graph, deadline: Deadline) -> Result<Reply> {
        let mut connection = self.connect(deadline)?;
        Reply::read(&self.context, self.exchange(&mut connection, request, deadline)?)
    }

    /// Calls a method, on this thread's connection. It may take so much longer than other calls.
    pub(crate) fn call(self: &Arc<Link>, request: Graph, longer: Duration) -> Result<Reply> {
        let deadline = match self.context.settings().timeouts.call {
            Some(timeout) => timeout.saturating_add(longer).into(),
            None => Deadline::NEVER,
        };
        let slot = self.slot();
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match slot.take() {
            Some(idle) if !has_ended(&idle)? => idle,
            _ => {
                let mut fresh = self.connect(deadline)?;
                let accepted = self.exchange(&mut fresh, request::accept_connection(&name()), deadline)?;
                Reply::read(&self.context, accepted)?.returned()?;
                fresh
            }
        };
        // A connection whose reply did not come is not kept: it would be taken for that of the next call.
        let message = self.exchange(&mut connection, request, deadline)?;
        *slot = Some(connection);
        Reply::read(&self.context, message)
    }

    /// A graph with the arguments of a call in it, and where they are.
    pub(crate) fn arguments<A, K>(&self, args: &A, kwargs: &K) -> Result<(Graph, Vec<NodeId>, NodeId)>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        exchange::arguments(&self.context, args, kwargs)
    }

    fn deadline(&self) -> Deadline {
        self.context.settings().timeouts.call.into()
    }

    fn connect(&self, deadline: Deadline) -> Result<Connection> {
        let timeouts = &self.context.settings().timeouts;
        let sooner = |timeout| exchange::earlier(Deadline::from(timeout), deadline);
        Connection::connect_by(
            &self.context,
            &self.address,
            sooner(timeouts.connect),
            sooner(timeouts.handshake),
        )
    }

    fn exchange(&self, connection: &mut Connection, request: Graph, deadline: Deadline) -> Result<Bytes> {
        let segments = exchange::written(&self.context, connection.peer(), request)?;
        let pieces: Vec<&[u8]> = segments.iter().collect();
        connection.inner_mut().send_vectored(&pieces, deadline)?;
        connection.recv_bytes_by(deadline)
    }

    fn slot(self: &Arc<Link>) -> Slot {
        let id = thread::current().id();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = threads.entry(id).or_insert_with(|| {
            // In a thread that is ending there is nobody to tell of its end: its connection then lasts as long as the link.
            let _ = OPEN.try_with(|open| open.borrow_mut().add(self));
            Slot::default()
        });
        Arc::clone(slot)
    }
}

thread_local! {
    /// The links to which this thread has a connection.
    static OPEN: RefCell<Open> = RefCell::default();
}

/// Closes a thread's connections when it ends.
#[derive(Default)]
struct Open {
    links: Vec<Weak<Link>>,
}

impl Open {
    fn add(&mut self, link: &Arc<Link>) {
        self.links.retain(|link| link.strong_count() > 0);
        self.links.push(Arc::downgrade(link));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let id = thread::current().id();
        for link in self.links.iter().filter_map(Weak::upgrade) {
            link.threads.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }
}

/// Whether an idle connection is of no more use. Nothing comes unasked but the end: the server may be another by now,
/// and the request has not been sent.
fn has_ended(idle: &Connection) -> Result<bool> {
    Ok(!wait(&[idle.get_ref()], Duration::ZERO)?.is_empty())
}

/// What the server's logs call us: as CPython does, a process and a thread in it.
fn name() -> String {
    match thread::current().name() {
        None | Some("main") => "MainProcess".to_owned(),
        Some(name) => format!("MainProcess|{name}"),
    }
}
