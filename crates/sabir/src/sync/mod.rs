//! The running server of the types that every `SyncManager` shares: dicts, lists, queues, locks, for Python programs of any
//! version, without Python.
//!
//! A task for each connection, which costs a few KiB while it waits; no thread waits with it.
//!
//! ```
//! use sabir::sync::{SyncOptions, SyncServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = SyncOptions::new("127.0.0.1:0".parse()?).authkey(b"secret");
//! let server = SyncServer::bind(options).await?;
//! println!("listening on {}", server.local_addresses().next().expect("one"));
//! // In Python:
//! //     manager = SyncManager(address, b'secret'); manager.connect()
//! //     shared = manager.dict(a=1)
//! server.run(async {}).await?; // until then; until a client calls `shutdown` at the latest
//! # Ok(()) }
//! ```

mod client;
mod metrics;
mod options;
mod processes;
mod state;
mod stopping;
mod turns;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sabir_net::tokio::Stream;
use sabir_net::{Address, Error};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{Span, debug, info, info_span, warn};

pub use sabir_manager::sync::ShareError;
pub use sabir_manager::types::{Arguments, Value};

pub use self::metrics::Metrics;
use self::metrics::Refusal;
pub use self::options::SyncOptions;
use self::state::State;
use crate::door::Door;
use crate::pending::Pending;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The caller chose an address that cannot be had, or the system gives no random numbers.
    #[error(transparent)]
    Net(#[from] Error),
    /// The caller chose an object that cannot be shared.
    #[error("cannot share {name}: {source}")]
    Object {
        /// The name that it was to have.
        name: String,
        /// Why; the text has it already.
        r#source: ShareError,
    },
}

/// A server that listens, and serves once [`run`](SyncServer::run) is awaited.
pub struct SyncServer {
    doors: Vec<Door>,
    addresses: Vec<Address>,
    state: Arc<State>,
}

impl SyncServer {
    /// Binds every listener. Port 0 picks a free one.
    ///
    /// # Errors
    /// See [`BindError`].
    pub async fn bind(options: SyncOptions) -> Result<SyncServer, BindError> {
        let mut doors = Vec::with_capacity(options.listen.len());
        for address in &options.listen {
            doors.push(Door::bind(address, options.tls.as_ref()).await?);
        }
        let addresses: Vec<Address> = doors.iter().map(|door| door.local_address().clone()).collect();
        let state = State::new(options, addresses.first())?;
        Ok(SyncServer { doors, addresses, state: Arc::new(state) })
    }

    /// Where clients connect, in the order of the options.
    pub fn local_addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }

    /// What it counts, to be read while it runs.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics { state: Arc::clone(&self.state) }
    }

    /// Serves until `shutdown` is done or a client calls the protocol's own `shutdown`, then gives what is being sent its
    /// time. Calls that wait end with their connections.
    ///
    /// # Errors
    /// [`Error::Io`] if a listener broke. What goes wrong with one connection is only logged.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let SyncServer { doors, addresses: _, state } = self;
        let asked = Arc::new(Notify::new());
        let (running, mut all_ended) = mpsc::channel::<()>(1);
        let pending = Pending::new(state.options.max_pending);
        let mut accepting = JoinSet::new();
        for door in doors {
            let shared = Accepting {
                state: Arc::clone(&state),
                pending: Arc::clone(&pending),
                running: running.clone(),
                asked: Arc::clone(&asked),
            };
            accepting.spawn(shared.accept(door));
        }
        drop(running);
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            () = asked.notified() => {
                info!("stopping: a client called shutdown");
                Ok(())
            }
            () = state.keep_time() => Ok(()),
            Some(broken) = accepting.join_next() => broken.unwrap_or(Ok(())),
        };
        accepting.shutdown().await;
        state.stop.say();
        let all_ended = async { while all_ended.recv().await.is_some() {} };
        let _ = tokio::time::timeout(state.options.shutdown_timeout, all_ended).await;
        state.cut.say();
        ended
    }
}

/// What a listener's task needs.
struct Accepting {
    state: Arc<State>,
    pending: Arc<Pending>,
    running: mpsc::Sender<()>,
    asked: Arc<Notify>,
}

impl Accepting {
    /// Accepts for ever. Nothing that a client does is waited for here.
    async fn accept(self, door: Door) -> Result<(), Error> {
        let Accepting { state, pending, running, asked } = self;
        let mut pauses = 0;
        loop {
            if let Some(pause) = pending.pause() {
                sleep(pause).await;
            }
            let guest = door.accept().await?;
            if door.pauses() > pauses {
                pauses = door.pauses();
                pending.make_room();
                warn!("no descriptor was left for a client: raise the limit of open files");
            }
            let Some(place) = state.enter() else {
                state.counts.refuse(Refusal::Full);
                debug!("a connection is refused: there are {} already", state.options.max_connections);
                // So that it does not come back at once for ever.
                pending.make_room();
                sleep(PAUSE).await;
                continue;
            };
            state.counts.accepted.add(1);
            let ticket = pending.enter();
            let who = Who::of(guest.beneath());
            let (state, running, asked) = (Arc::clone(&state), running.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let _running = running;
                let ended = client::serve(place, state, guest, ticket, asked).await;
                // Not around all of it: to enter a span at each message costs more than to read one.
                match ended {
                    Ok(()) => who.span().in_scope(|| debug!("closed")),
                    Err(error) => who.span().in_scope(|| info!("closed: {error}")),
                }
            });
        }
    }
}

const PAUSE: Duration = Duration::from_millis(10);

/// Who a client is, for the log.
enum Who {
    At(Address),
    Process(u32),
    Unnamed,
}

impl Who {
    fn of(client: &Stream) -> Who {
        match (client.peer_address(), client.peer_pid()) {
            (Ok(Some(address)), _) => Who::At(address),
            (_, Some(pid)) => Who::Process(pid),
            _ => Who::Unnamed,
        }
    }

    fn span(&self) -> Span {
        match self {
            Who::At(address) => info_span!("client", from = %address),
            Who::Process(pid) => info_span!("client", from = %format_args!("process {pid}")),
            Who::Unnamed => info_span!("client", from = "an unnamed socket"),
        }
    }
}
