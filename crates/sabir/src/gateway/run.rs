//! Listening, and a task for each client.

use std::sync::Arc;

use sabir_gateway::{Config, Side};
use sabir_net::tokio::Stream;
use sabir_net::{Address, Deadline, Error};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{Span, debug, info, info_span, warn};

use super::challenges::Challenges;
use super::circle::{self, Outgoing};
use super::error::PairError;
use super::heavy::Heavy;
use super::knowledge::Knowledge;
use super::log;
use super::options::{Authentication, GatewayOptions, Upstream};
use super::pair::{self, Shared};
use crate::door::{Door, Guest};
use crate::pending::{Pending, Ticket};

/// A gateway that listens, and serves once [`run`](Gateway::run) is awaited.
#[derive(Debug)]
pub struct Gateway {
    doors: Vec<Door>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

impl Gateway {
    /// Binds every listener. Clients that connect from now on are served by [`run`](Gateway::run).
    ///
    /// # Errors
    /// [`Error::Bind`], [`Error::Unsupported`]: the caller chose an address that cannot be had, or a
    /// server's that is one of the listeners.
    pub async fn bind(options: GatewayOptions) -> Result<Self, Error> {
        let mut doors = Vec::with_capacity(options.routes.len());
        for route in &options.routes {
            doors.push(Door::bind(&route.listen, options.client_tls.as_ref()).await?);
        }
        let (stop, stopping) = watch::channel(false);
        let rewriting = Config { max_message: Some(options.max_message), ..options.rewriting.clone() };
        let bound: Vec<_> = doors.iter().map(|door| door.local_address().clone()).collect();
        for route in &options.routes {
            let Upstream::At(to) = &route.to else { continue };
            for ours in &bound {
                if circle::leads_to(to, ours).await {
                    let why = "this gateway listens there itself, so that it would dial itself for ever";
                    return Err(Error::Unsupported { address: to.clone(), why });
                }
            }
        }
        let shared = Shared {
            options,
            rewriting: Arc::new(rewriting),
            knowledge: Knowledge::default(),
            challenges: Challenges::default(),
            outgoing: Outgoing::default(),
            heavy: Arc::new(Heavy::new()),
            bound,
            stop: stopping,
        };
        Ok(Self { doors, shared: Arc::new(shared), stop })
    }

    /// Where clients connect, in the order of the routes; the first is that of
    /// [`GatewayOptions::new`].
    pub fn local_addresses(&self) -> impl Iterator<Item = &Address> {
        self.shared.bound.iter()
    }

    /// Serves until `shutdown` is done, then accepts no more and gives the connections their time
    /// to finish.
    ///
    /// # Errors
    /// [`Error::Io`] if a listener broke. What goes wrong with one connection is only logged.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { doors, shared, stop } = self;
        for open in shared.bound.iter().filter(|address| !address.is_loopback()) {
            match &shared.options.authentication {
                Authentication::Terminate { client_key: Some(_), .. } => {}
                Authentication::Terminate { server_key: Some(_), .. } => {
                    warn!(
                        "{open} can be reached from other machines, and lends all of them the server's key"
                    );
                }
                _ => info!(
                    "{open} can be reached from other machines: whether they get in is up to the server"
                ),
            }
        }
        let (running, mut all_ended) = mpsc::channel::<()>(1);
        let pending = Pending::new(shared.options.max_pending);
        let mut accepting = JoinSet::new();
        for (route, door) in doors.into_iter().enumerate() {
            let (shared, pending, running) = (shared.clone(), pending.clone(), running.clone());
            accepting.spawn(accept(route, door, shared, pending, running));
        }
        drop(running);
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            Some(broken) = accepting.join_next() => broken.unwrap_or(Ok(())),
        };
        accepting.shutdown().await;
        // Nobody listens if there is no connection.
        let _ = stop.send(true);
        while all_ended.recv().await.is_some() {}
        ended
    }
}

/// Accepts for ever. Nothing that a client does is waited for here.
async fn accept(
    route: usize,
    door: Door,
    shared: Arc<Shared>,
    pending: Arc<Pending>,
    running: mpsc::Sender<()>,
) -> Result<(), Error> {
    let mut pauses = 0;
    loop {
        if let Some(pause) = pending.pause() {
            sleep(pause).await;
        }
        let guest = door.accept().await?;
        if door.pauses() > pauses {
            pauses = door.pauses();
            pending.make_room();
            warn!(
                "no descriptor was left for a client on {}: raise the limit of open files",
                door.local_address()
            );
        }
        let ticket = match &shared.options.authentication {
            Authentication::Terminate { client_key: Some(_), .. } => pending.enter(),
            _ => pending.enter_silently(),
        };
        let (shared, running) = (shared.clone(), running.clone());
        let span = info_span!("client", from = %name(guest.beneath()), on = %door.local_address());
        tokio::spawn(async move {
            let _running = running;
            span.in_scope(|| debug!("connected"));
            let ended = tokio::select! {
                biased;
                ended = serve(&shared, route, guest, ticket, &span) => ended,
                () = overtime(&shared) => Err(PairError::Stopping),
            };
            span.in_scope(|| log::end(&ended));
        });
    }
}

/// Serves a client, once it has come in.
async fn serve(
    shared: &Shared,
    route: usize,
    guest: Guest,
    ticket: Ticket,
    span: &Span,
) -> Result<(), PairError> {
    let deadline = Deadline::from(shared.options.handshake_timeout);
    let (client, fate) = tokio::select! {
        biased;
        done = guest.come_in(deadline) => {
            done.map_err(|source| PairError::Authentication { side: Side::Client, source })?
        }
        () = ticket.evicted() => return Err(PairError::Crowded),
    };
    let ended = pair::serve(shared, route, client, ticket, span).await;
    if let Some(fate) = fate {
        fate.ended(Deadline::from(shared.options.shutdown_timeout)).await;
    }
    ended
}

/// A gateway that stops waits no longer than this for anybody.
async fn overtime(shared: &Shared) {
    let mut stop = shared.stop.clone();
    // An error means that the gateway is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
    sleep(shared.options.shutdown_timeout).await;
}

/// Who a client is, for the log.
fn name(client: &Stream) -> String {
    match (client.peer_address(), client.peer_pid()) {
        (Ok(Some(address)), _) => address.to_string(),
        (_, Some(pid)) => format!("process {pid}"),
        _ => "an unnamed socket".to_owned(),
    }
}
