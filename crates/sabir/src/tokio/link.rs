//! The connections to one manager, for tasks: any idle one serves the next call.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sabir_manager::request;
use sabir_net::blocking::wait;
use sabir_net::{Address, Deadline};
use sabir_pickle::Graph;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::Connection;
use crate::context::Context;
use crate::error::Result;
use crate::manager::exchange::{self, Reply};

/// One manager, and what is open to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) place: Arc<Place>,
    /// The runtime that it was connected on, where what outlives a caller goes on.
    pub(super) runtime: Handle,
    idle: Mutex<Vec<Connection>>,
    releases: mpsc::UnboundedSender<Release>,
}

/// How a manager is reached.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) context: Context,
    pub(super) address: Address,
}

/// What is to be given back.
enum Release {
    /// A reference to the object of this ident.
    Reference(String),
    /// Nothing: whoever waits is told that what came before is done.
    Mark(oneshot::Sender<()>),
}

/// Idle connections beyond these are closed: each costs the manager a thread.
const MOST_IDLE: usize = 16;

impl Link {
    /// Must be called on a runtime.
    pub(super) fn new(context: Context, address: Address) -> Link {
        let place = Arc::new(Place { context, address });
        let (releases, due) = mpsc::unbounded_channel();
        let runtime = Handle::current();
        runtime.spawn(release_all(Arc::clone(&place), due));
        Link { place, runtime, idle: Mutex::default(), releases }
    }

    /// Calls a method on a connection that nobody else uses meanwhile.
    pub(super) async fn call(&self, request: Graph) -> Result<Reply> {
        let deadline = self.place.deadline();
        let mut connection = match self.take_idle()? {
            Some(idle) => idle,
            None => self.place.serving(deadline).await?,
        };
        // If this is cancelled or fails, the connection goes: its reply would be taken for that of the next call.
        let message = self.place.exchange(&mut connection, request, deadline).await?;
        self.put_idle(connection);
        self.place.read(message)
    }

    /// The same for a caller that may give up: once the request has left, its reply is read all the same. The manager
    /// is told that nobody waits.
    pub(super) async fn call_to_the_end<T>(
        &self,
        request: Graph,
        caller: &mut oneshot::Sender<T>,
    ) -> Result<Reply> {
        let deadline = self.place.deadline();
        let mut connection = match self.take_idle()? {
            Some(idle) => idle,
            None => self.place.serving(deadline).await?,
        };
        self.place.send(&mut connection, request, deadline).await?;
        tokio::select! {
            message = connection.recv_bytes_by(deadline) => {
                let message = message?;
                self.put_idle(connection);
                return self.place.read(message);
            }
            () = caller.closed() => {}
        }
        // A manager that is gone has no reply either.
        let _ = connection.inner.shutdown_write(deadline).await;
        self.place.read(connection.recv_bytes_by(deadline).await?)
    }

    /// Gives a reference back, soon.
    pub(super) fn release(&self, ident: String) {
        // The task lives as long as this link and the runtime do.
        let _ = self.releases.send(Release::Reference(ident));
    }

    /// Waits until all that was given back so far has arrived.
    pub(super) async fn settled(&self) {
        let (done, all_done) = oneshot::channel();
        if self.releases.send(Release::Mark(done)).is_ok() {
            // An error is the end of the runtime.
            let _ = all_done.await;
        }
    }

    fn take_idle(&self) -> Result<Option<Connection>> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(idle) if has_ended(&idle)? => {}
                idle => return Ok(idle),
            }
        }
    }

    fn put_idle(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
    }
}

impl Place {
    /// Asks for a function of the server, on a connection of its own.
    pub(super) async fn function(&self, request: Graph) -> Result<Reply> {
        let deadline = self.deadline();
        let mut connection = self.connect(deadline).await?;
        let message = self.exchange(&mut connection, request, deadline).await?;
        self.read(message)
    }

    /// A connection on which methods can be called: the manager serves it with a thread.
    pub(super) async fn serving(&self, deadline: Deadline) -> Result<Connection> {
        let mut fresh = self.connect(deadline).await?;
        let accepted = self.exchange(&mut fresh, request::accept_connection("MainProcess"), deadline).await?;
        self.read(accepted)?.returned()?;
        Ok(fresh)
    }

    pub(super) async fn exchange(
        &self,
        connection: &mut Connection,
        request: Graph,
        deadline: Deadline,
    ) -> Result<Bytes> {
        self.send(connection, request, deadline).await?;
        connection.recv_bytes_by(deadline).await
    }

    /// Reads what a manager answered. Whatever is wrong with it, the connection can be used further.
    pub(super) fn read(&self, message: Bytes) -> Result<Reply> {
        Reply::read(&self.context, message)
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.context.settings().timeouts.call.into()
    }

    async fn connect(&self, deadline: Deadline) -> Result<Connection> {
        let timeouts = &self.context.settings().timeouts;
        let sooner = |timeout| exchange::earlier(Deadline::from(timeout), deadline);
        let (connect, handshake) = (sooner(timeouts.connect), sooner(timeouts.handshake));
        Connection::connect_by(&self.context, &self.address, connect, handshake).await
    }

    async fn send(&self, connection: &mut Connection, request: Graph, deadline: Deadline) -> Result<()> {
        let segments = exchange::written(&self.context, connection.peer(), request)?;
        let pieces: Vec<&[u8]> = segments.iter().collect();
        Ok(connection.inner.send_vectored(&pieces, deadline).await?)
    }
}

/// Gives references back one by one until the link is gone and none is due any more.
async fn release_all(place: Arc<Place>, mut due: mpsc::UnboundedReceiver<Release>) {
    while let Some(release) = due.recv().await {
        match release {
            Release::Reference(ident) => {
                // Nobody could be told. A manager that is gone counts nothing any more.
                let _ = place.function(request::decref(&ident)).await;
            }
            Release::Mark(done) => {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }
}

/// Whether an idle connection is of no more use: nothing comes unasked but the end. The system is asked, not the
/// runtime, which learns of an end only when it looks.
pub(super) fn has_ended(idle: &Connection) -> Result<bool> {
    Ok(!wait(&[&idle.inner.as_fd()], Duration::ZERO)?.is_empty())
}
