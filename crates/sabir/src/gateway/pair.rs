//! One client from its arrival to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use sabir_gateway::{Addresses, Config, Mode, Policy, Relay, Route as RelayRoute, Side};
use sabir_net::tokio::Stream;
use sabir_net::{Address, Deadline, PythonAddress};
use sabir_wire::auth::{AuthOptions, PeerHints};
use sabir_wire::frame::FrameLimits;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use tracing::Span;

use super::admit;
use super::challenges::Challenges;
use super::circle::{Outgoing, Own};
use super::descriptors::Descriptors;
use super::error::PairError;
use super::heavy::Heavy;
use super::inbox::Inbox;
use super::knowledge::Knowledge;
use super::leg::Leg;
use super::options::{Authentication, GatewayOptions, Upstream};
use super::pump::{Pump, Terms};
use crate::pending::Ticket;
use crate::secure::{self, Fate};

/// What all connections of a gateway share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: GatewayOptions,
    pub(super) rewriting: Arc<Config>,
    pub(super) knowledge: Knowledge,
    pub(super) challenges: Challenges,
    pub(super) outgoing: Outgoing,
    pub(super) heavy: Arc<Heavy>,
    /// Every route, by the address that its listener is bound to.
    pub(super) bound: Vec<Address>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Serves one client of the listener number `route`.
pub(super) async fn serve(
    shared: &Shared,
    route: usize,
    client: Stream,
    ticket: Ticket,
    span: &Span,
) -> Result<(), PairError> {
    let client = Leg::new(client);
    let mut from_client = Inbox::new(BytesMut::new(), Vec::new());
    let options = &shared.options;
    let deadline = Instant::now() + options.handshake_timeout;
    let verified = match &options.authentication {
        Authentication::Terminate { client_key: Some(key), min_auth, .. } => {
            let auth = AuthOptions { min_auth: *min_auth, ..AuthOptions::default() };
            let proof = (key.clone(), auth);
            let verifying = admit::verify(&client, &mut from_client, proof, &shared.challenges, deadline);
            let verified = tokio::select! {
                biased;
                done = verifying => done?,
                () = ticket.evicted() => return Err(PairError::Crowded),
            };
            ticket.leave();
            Some(verified)
        }
        _ => None,
    };
    let found = async {
        let upstream = find(shared, route, &client.stream)?;
        if shared.outgoing.contains(&client.stream) {
            return Err(PairError::Circle(upstream));
        }
        let (server, own, fate) = dial(shared, &upstream).await?;
        // Our own connection may have been accepted before it was known to be ours.
        if shared.outgoing.contains(&client.stream) {
            return Err(PairError::Circle(upstream));
        }
        let entered = enter(shared, &server, &client, &mut from_client).await;
        let (hints, from_server) = entered.map_err(|error| explained(error, fate.as_ref()))?;
        Ok((upstream, server, own, fate, hints, from_server))
    };
    let found = tokio::select! {
        found = found => found,
        () = ticket.evicted() => Err(PairError::Crowded),
    };
    let (upstream, server, _own, fate, server_hints, from_server) = match found {
        Ok(found) => found,
        Err(error) => {
            if verified.is_some() {
                admit::turn_away(&client, &error).await;
            } else {
                client.stream.reset_on_close();
            }
            return Err(error);
        }
    };
    let client_hints = match verified {
        Some(verified) => {
            let deadline = Instant::now() + options.handshake_timeout;
            Some(admit::welcome(&client, &mut from_client, verified, deadline).await?)
        }
        None => None,
    };

    let addresses = addresses(shared, route, &upstream, &client.stream, &server.stream);
    let alias = (route == 0).then(|| options.server_alias.as_ref().and_then(python)).flatten();
    let known = shared.knowledge.of(&upstream, alias);
    let relay = Relay::new(shared.rewriting.clone(), addresses);
    let terms = terms(shared);
    let pump = Pump::new((client, server), relay, known.clone(), terms, ticket, span.clone());
    if let Authentication::PassThrough = options.authentication {
        pump.observe_handshake();
    } else {
        pump.admitted();
    }
    for (side, hints) in [(Side::Client, client_hints), (Side::Server, server_hints)] {
        if let Some(hints) = hints {
            pump.learn(side, &hints).await;
        }
    }
    let ended = tokio::select! {
        biased;
        done = pump.run(from_client, from_server) => done,
        error = watch_over(&pump, shared) => Err(error),
    };
    if let Err(error) = &ended {
        pump.break_off(error).await;
    }
    if pump.was_not_understood() {
        shared.knowledge.forget(&upstream);
    }
    if matches!(shared.rewriting.policy, Policy::Learn) {
        span.in_scope(|| shared.knowledge.report(&known));
    }
    let Some(fate) = fate else { return ended };
    drop(pump);
    let refused = fate.error().filter(|error| matches!(error, sabir_net::Error::Certificate { .. }));
    fate.ended(Deadline::from(shared.options.shutdown_timeout)).await;
    match refused {
        Some(source) => Err(PairError::Authentication { side: Side::Server, source }),
        None => ended,
    }
}

/// Which server this client is for.
fn find(shared: &Shared, route: usize, client: &Stream) -> Result<Address, PairError> {
    let upstream = shared.options.routes.get(route).map(|route| &route.to);
    if let Some(Upstream::At(address)) = upstream {
        return Ok(address.clone());
    }
    let original = client.original_destination().map_err(PairError::NotRedirected)?;
    if client.local_address().ok().flatten().as_ref() == Some(&original) {
        return Err(PairError::Loop(original));
    }
    Ok(original)
}

/// Connects to the server.
async fn dial<'a>(shared: &'a Shared, upstream: &Address) -> Result<(Leg, Own<'a>, Option<Fate>), PairError> {
    let deadline = Deadline::from(shared.options.connect_timeout);
    match secure::dial(shared.options.server_tls.as_ref(), upstream, deadline).await {
        Ok((stream, fate)) => {
            let own = shared.outgoing.enter(&stream);
            Ok((Leg::new(stream), own, fate))
        }
        Err(error) => {
            // Who listens there next may be another.
            shared.knowledge.forget(upstream);
            Err(PairError::connect(error))
        }
    }
}

/// What went wrong with the server, if TLS knows better.
fn explained(error: PairError, fate: Option<&Fate>) -> PairError {
    match error {
        PairError::Authentication { side: Side::Server, source } => {
            PairError::Authentication { side: Side::Server, source: secure::explained(source, fate) }
        }
        error => error,
    }
}

/// Authenticates with the server if the gateway has a key for it.
async fn enter(
    shared: &Shared,
    server: &Leg,
    client: &Leg,
    from_client: &mut Inbox,
) -> Result<(Option<PeerHints>, Inbox), PairError> {
    let options = &shared.options;
    let Authentication::Terminate { server_key: Some(key), min_auth, server_digest, .. } =
        &options.authentication
    else {
        return Ok((None, Inbox::new(BytesMut::new(), Vec::new())));
    };
    admit::spoken(server, client, from_client, options.handshake_timeout).await?;
    let auth = AuthOptions { min_auth: *min_auth, legacy_digest: *server_digest, ..AuthOptions::default() };
    let deadline = Instant::now() + options.handshake_timeout;
    let (hints, inbox) = admit::introduce(server, (key.clone(), auth), &shared.challenges, deadline).await?;
    Ok((Some(hints), inbox))
}

fn terms(shared: &Shared) -> Terms {
    let max_message = shared.options.max_message;
    let (strict, raw_refused) = match shared.rewriting.policy {
        Policy::Strict { allow_raw, .. } => (true, !allow_raw),
        _ => (false, false),
    };
    Terms {
        heavy: shared.heavy.clone(),
        limits: FrameLimits { max_message },
        patience: shared.options.handshake_timeout,
        raw: shared.rewriting.mode == Mode::Raw && !raw_refused,
        descriptors: if strict { Descriptors::Refused } else { Descriptors::Pass { max_message } },
    }
}

/// Ends a pair whose programs do not end it themselves. Returns why.
async fn watch_over(pump: &Pump, shared: &Shared) -> PairError {
    tokio::select! {
        () = pump.evicted() => PairError::Crowded,
        error = handshake_in_time(pump, shared.options.handshake_timeout) => error,
        error = never_idle(pump, shared.options.idle_timeout) => error,
        error = until_stopped(pump, shared) => error,
    }
}

/// A handshake that passes through may begin as late as the server likes, but not last.
async fn handshake_in_time(pump: &Pump, limit: Duration) -> PairError {
    if !pump.is_observing() {
        return std::future::pending().await;
    }
    let mut wake = Instant::now() + limit;
    loop {
        sleep_until(wake.into()).await;
        if !pump.is_observing() {
            return std::future::pending().await;
        }
        wake = Instant::now() + limit;
        if let Some((since, due)) = pump.handshake() {
            if since.elapsed() >= limit {
                return PairError::HandshakeTimeout(due);
            }
            wake = since + limit;
        }
    }
}

async fn never_idle(pump: &Pump, limit: Option<Duration>) -> PairError {
    let Some(limit) = limit else { return std::future::pending().await };
    let mut before = pump.activity();
    loop {
        sleep(limit).await;
        let now = pump.activity();
        if now == before {
            return PairError::Idle;
        }
        before = now;
    }
}

/// Once the gateway stops, a pair may finish what is in flight.
async fn until_stopped(pump: &Pump, shared: &Shared) -> PairError {
    let mut stop = shared.stop.clone();
    // An error means that the gateway is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
    let deadline = Instant::now() + shared.options.shutdown_timeout;
    let mut before = pump.activity();
    while Instant::now() < deadline {
        sleep(QUIET).await;
        let now = pump.activity();
        if now == before && !pump.in_flight() {
            break;
        }
        before = now;
    }
    PairError::Stopping
}

/// Which addresses stand for what, on this pair.
fn addresses(
    shared: &Shared,
    route: usize,
    upstream: &Address,
    client: &Stream,
    server: &Stream,
) -> Addresses {
    let nowhere = || sabir_gateway::Address::Unix(Vec::new());
    let here = client.local_address().ok().flatten().and_then(|address| python(&address));
    let listen = shared.bound.get(route).and_then(python);
    let there = server.peer_address().ok().flatten().and_then(|address| python(&address));
    let dialled = python(upstream);
    let mut addresses = Addresses::new(
        here.clone().or_else(|| listen.clone()).unwrap_or_else(nowhere),
        there.clone().or_else(|| dialled.clone()).unwrap_or_else(nowhere),
    );
    let given = shared.options.routes.get(route).and_then(|route| python(&route.listen));
    addresses.client_also.extend(listen.into_iter().chain(given));
    addresses.server_also.extend(dialled);
    let others = shared.options.routes.iter().zip(&shared.bound).enumerate();
    addresses.routes = others
        .filter(|(other, _)| *other != route)
        .filter_map(|(other, (options, bound))| {
            let Upstream::At(to) = &options.to else { return None };
            let alias = if other == 0 { shared.options.server_alias.as_ref().and_then(python) } else { None };
            Some(RelayRoute { listen: python(bound)?, to: python(to)?, alias })
        })
        .collect();
    addresses
}

/// As a Python has it in a token.
fn python(address: &Address) -> Option<sabir_gateway::Address> {
    use sabir_gateway::Address as Token;
    if let Address::Tls { host, port } = address {
        return Some(Token::Inet { host: host.clone(), port: *port });
    }
    match address.to_python()? {
        PythonAddress::Inet(host, port) => Some(Token::Inet { host, port }),
        PythonAddress::Unix(name) => Some(Token::Unix(name)),
        PythonAddress::Pipe(name) => Some(Token::Pipe(name)),
        _ => None,
    }
}

/// How long nothing must have moved before a stopping gateway takes a pair to be at rest.
const QUIET: Duration = Duration::from_millis(50);
