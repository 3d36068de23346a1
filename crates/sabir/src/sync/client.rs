//! One client's connection: a request, its reply, the next request.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use sabir_manager::server::{ConnectionId, Message};
use sabir_manager::sync::Then;
use sabir_net::tokio::Connection;
use sabir_net::{Deadline, Doing, Error};
use sabir_pickle::{Pythons, Version};
use sabir_wire::Config;
use sabir_wire::auth::{Era, PeerHints};
use sabir_wire::frame::FrameLimits;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::debug;

use super::metrics::Refusal;
use super::state::{Came, Entered, State};
use crate::door::Guest;
use crate::pending::Ticket;
use crate::secure::{Fate, explained};

/// Serves a client until it goes or breaks the protocol. What goes wrong with it is nobody else's affair.
pub(super) async fn serve(
    place: Entered,
    state: Arc<State>,
    guest: Guest,
    ticket: Ticket,
    asked: Arc<Notify>,
) -> Result<(), Error> {
    let _place = place;
    let shared = Arc::clone(&state);
    let mut stop = pin!(shared.stop.wait());
    let beneath = guest.beneath();
    let here = beneath.local_address().ok().flatten();
    let process = beneath.peer_pid();
    // A connection that is broken already tells so when it is read.
    let _ = beneath.set_keepalive(state.options.keepalive);
    // What a handshake needs is not kept for as long as the connection is.
    state.counts.handshakes.add(1);
    let outcome = tokio::select! {
        biased;
        done = Box::pin(authenticated(&state, guest)) => Some(done),
        () = ticket.evicted() => {
            debug!("it had proved nothing, and there were too many like it");
            state.counts.refuse(Refusal::Crowded);
            None
        }
        () = stop.as_mut() => None,
    };
    state.counts.handshakes.take();
    let Some(outcome) = outcome else { return Ok(()) };
    let (connection, fate) = outcome.inspect_err(|error| state.counts.refuse(Refusal::of(error)))?;
    drop(ticket);
    let process = process.filter(|&process| state.processes.watch(&state, process));
    let id = state.connected(here.as_ref(), versions(connection.hints()), process);
    let mut client = Client { state, id, process, connection };
    client.connection.save_memory();
    let ended = talk(&mut client, stop, &asked).await;
    if let Some(fate) = fate {
        let patience = client.state.options.send_timeout;
        drop(client);
        fate.ended(Deadline::from(patience)).await;
    }
    ended
}

/// Answers one request after the other.
async fn talk(
    client: &mut Client,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    asked: &Notify,
) -> Result<(), Error> {
    loop {
        let message = tokio::select! {
            biased;
            message = client.receive() => message?,
            () = stop.as_mut() => None,
        };
        let Some(message) = message else { return Ok(()) };
        client.state.counts.requests.add(1);
        client.state.counts.received.add(message.len() as u64);
        let due = match client.state.request(client.id, message) {
            Came::Now(due) => {
                client.state.turns.take().await;
                due
            }
            Came::Later(later) => {
                tokio::select! {
                    biased;
                    due = later => due.unwrap_or(None),
                    // The end of the client, or bytes that nobody asked for.
                    _ = client.connection.recv_bytes(Deadline::NEVER) => None,
                    () = stop.as_mut() => None,
                }
            }
        };
        let Some((message, then)) = due else { return Ok(()) };
        client.send(message).await?;
        match then {
            Then::Stay => {}
            Then::Close => return Ok(()),
            Then::Shutdown => {
                asked.notify_one();
                return Ok(());
            }
        }
    }
}

/// Agrees on all that comes before the first request.
async fn authenticated(state: &State, guest: Guest) -> Result<(Connection, Option<Fate>), Error> {
    let options = &state.options;
    let deadline = Deadline::from(options.handshake_timeout);
    let (stream, fate) = guest.come_in(deadline).await?;
    let limits = FrameLimits { max_message: options.max_message };
    let config = Config { limits, ..Config::default() };
    let connection = match &options.authkey {
        None => Connection::new(stream, config),
        Some(key) => Connection::accepting(stream, config, key.clone(), options.auth, deadline)
            .await
            .map_err(|error| explained(error, fate.as_ref()))?,
    };
    Ok((connection, fate))
}

/// The versions that a client may be, as far as the handshake tells.
fn versions(hints: PeerHints) -> Pythons {
    match hints.era() {
        Some(Era::UpTo311) => Pythons { max: Version::new(3, 11), ..Pythons::ANY },
        Some(Era::From312) => Pythons { min: Version::new(3, 12), ..Pythons::ANY },
        _ => Pythons::ANY,
    }
}

struct Client {
    state: Arc<State>,
    id: ConnectionId,
    /// At the other end.
    process: Option<u32>,
    connection: Connection,
}

impl Client {
    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        let idle = self.state.options.idle_timeout;
        let message = self.connection.recv_bytes(idle).await?;
        // It may be kept for long: a short one not along with what was read together with it.
        Ok(message.map(|message| {
            let shares = message.len() <= WORTH_COPYING && !message.is_unique();
            if shares { Bytes::copy_from_slice(&message) } else { message }
        }))
    }

    /// Sends a reply; what it hands over is taken back if it does not arrive.
    async fn send(&mut self, message: Message) -> Result<(), Error> {
        let Message { grants, .. } = message;
        let (pickle, broken) = message.encode(&self.state.options.translation);
        let (one, many);
        let pieces: &[&[u8]] = match pickle.as_slice() {
            Some(piece) => {
                one = [piece];
                &one
            }
            None => {
                many = pickle.iter().collect::<Vec<&[u8]>>();
                &many
            }
        };
        self.state.counts.sent.add(pieces.iter().map(|piece| piece.len() as u64).sum());
        let mut sending = pin!(self.connection.send_vectored(pieces, Deadline::NEVER));
        // Most replies are gone at once, and need no clock.
        let at_once = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await;
        let sent = match at_once {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                // Clients that read slowly must not fill the memory with copies of what they have asked for.
                let _charge = self.state.meter.charge(pieces.iter().map(|piece| piece.len()).sum());
                tokio::select! {
                    biased;
                    sent = sending => sent,
                    () = sleep(self.state.options.send_timeout) => Err(Error::Timeout { doing: Doing::Sending }),
                    () = self.state.cut.wait() => Err(Error::Timeout { doing: Doing::Sending }),
                }
            }
        };
        if let Some(granted) = grants
            && (sent.is_err() || broken.is_some())
        {
            self.state.undelivered(self.id, granted);
        }
        sent
    }
}

/// In bytes.
const WORTH_COPYING: usize = 16 * 1024;

/// However a connection ends, the server hears of it.
impl Drop for Client {
    fn drop(&mut self) {
        self.state.closed(self.id);
        // What it said last may have been heard only after its end was.
        if let Some(process) = self.process
            && !self.state.processes.are_watching(process)
        {
            self.state.process_ended(process);
        }
    }
}
