//! The handshakes of a gateway that has the keys.
//!
//! ```text
//!  client                     gateway                      server
//!             <- challenge
//!  answer ->                  right: now the server is dialled
//!                                             <- challenge
//!                             answer ->
//!                                             <- #WELCOME#
//!                             challenge ->
//!                                             <- answer
//!             <- #WELCOME#    #WELCOME# ->
//!  challenge ->
//!             <- answer
//!  #WELCOME# ->
//! ```

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sabir_gateway::Side;
use sabir_net::{Doing, Error};
use sabir_wire::auth::{AuthKey, AuthOptions, FAILURE, Handshake, Next, PeerHints, Step};
use sabir_wire::error::{AuthError, Phase};
use sabir_wire::frame::FrameLimits;
use tokio::time::{sleep, timeout_at};
use tracing::warn;

use super::challenges::{Challenges, Issued};
use super::error::PairError;
use super::inbox::{Filled, Inbox};
use super::leg::Leg;

/// A client that has proved the key and waits to hear so.
#[derive(Debug)]
pub(super) struct Verified<'a> {
    exchange: Exchange<'a>,
    welcome: Step,
}

/// A handshake with one peer.
#[derive(Debug)]
struct Exchange<'a> {
    side: Side,
    handshake: Handshake,
    challenges: &'a Challenges,
    issued: Issued<'a>,
}

/// Challenges the client and judges its answer. If that is wrong it has been told.
pub(super) async fn verify<'a>(
    client: &Leg,
    inbox: &mut Inbox,
    (key, options): (AuthKey, AuthOptions),
    challenges: &'a Challenges,
    deadline: Instant,
) -> Result<Verified<'a>, PairError> {
    let nonce = sabir_net::nonce().map_err(|source| of(Side::Client, source))?;
    let handshake = Handshake::accepting(key, nonce, options);
    let mut exchange = Exchange::new(Side::Client, handshake, challenges);
    let work = async {
        let start = exchange.handshake.start();
        exchange.send(client, start.send).await?;
        let step = exchange.answer(client, inbox).await?;
        match step.next {
            Next::Fail(_) => Err(exchange.fail(client, inbox, step).await),
            _ => Ok(step),
        }
    };
    let welcome = by(deadline, Side::Client, work).await?;
    Ok(Verified { exchange, welcome })
}

/// Welcomes a verified client and proves the key to it in turn.
pub(super) async fn welcome(
    client: &Leg,
    inbox: &mut Inbox,
    verified: Verified<'_>,
    deadline: Instant,
) -> Result<PeerHints, PairError> {
    let Verified { mut exchange, welcome } = verified;
    by(deadline, Side::Client, exchange.finish(client, inbox, welcome)).await
}

/// Tells a client that it cannot be served. A handshake has but one word for that, which says that
/// its key is wrong: where it is not, the connection breaks, as it would to a server that is gone.
pub(super) async fn turn_away(client: &Leg, why: &PairError) {
    if !matches!(why, PairError::Authentication { source, .. } if source.is_wrong_key()) {
        client.stream.reset_on_close();
    } else if client.write_message(Bytes::from_static(FAILURE)).await.is_ok() {
        client.farewell().await;
    }
}

/// Waits until a server that has accepted the connection says something. A stock one accepts one
/// connection after the other, so that may take as long as it is busy: it is for the client to lose
/// patience, as it would without a gateway.
pub(super) async fn spoken(
    server: &Leg,
    client: &Leg,
    from_client: &mut Inbox,
    patience: Duration,
) -> Result<(), PairError> {
    let begun = Instant::now();
    let remind = async {
        sleep(patience).await;
        warn!("the server has not asked for a key in {patience:?}: is it busy? has it a key?");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ready = server.stream.readable() => ready.map_err(|source| of(Side::Server, source)),
        () = left(client, from_client) => Err(PairError::ServerSilent(begun.elapsed())),
        () = remind => Ok(()),
    }
}

/// Waits until a client that has nothing to say leaves.
async fn left(client: &Leg, inbox: &mut Inbox) {
    let limits = FrameLimits::BEFORE_AUTHENTICATION;
    while let Ok(Filled::Some) = inbox.fill(&client.stream, limits, false).await {
        if inbox.arrived().len() as u64 > limits.max_message {
            // It does have something to say, which is read in its turn.
            return std::future::pending().await;
        }
    }
}

/// Authenticates with the server.
pub(super) async fn introduce(
    server: &Leg,
    (key, options): (AuthKey, AuthOptions),
    challenges: &Challenges,
    deadline: Instant,
) -> Result<(PeerHints, Inbox), PairError> {
    let nonce = sabir_net::nonce().map_err(|source| of(Side::Server, source))?;
    let handshake = Handshake::connecting(key, nonce, options);
    let mut exchange = Exchange::new(Side::Server, handshake, challenges);
    let mut inbox = Inbox::default();
    let work = async {
        let step = exchange.answer(server, &mut inbox).await?;
        exchange.finish(server, &mut inbox, step).await
    };
    let hints = by(deadline, Side::Server, work).await?;
    Ok((hints, inbox))
}

impl<'a> Exchange<'a> {
    fn new(side: Side, handshake: Handshake, challenges: &'a Challenges) -> Self {
        Self { side, handshake, challenges, issued: challenges.issue() }
    }

    /// Goes on from a step to the end.
    async fn finish(&mut self, leg: &Leg, inbox: &mut Inbox, mut step: Step) -> Result<PeerHints, PairError> {
        loop {
            match step.next {
                Next::Done(hints) => {
                    self.send(leg, step.send).await?;
                    return Ok(hints);
                }
                Next::Fail(_) => return Err(self.fail(leg, inbox, step).await),
                Next::Read => self.send(leg, step.send).await?,
            }
            step = self.answer(leg, inbox).await?;
        }
    }

    /// What to do after the peer's next message.
    async fn answer(&mut self, leg: &Leg, inbox: &mut Inbox) -> Result<Step, PairError> {
        let limits = FrameLimits::BEFORE_AUTHENTICATION;
        loop {
            let offset = inbox.offset;
            let message = inbox.take_message(limits).map_err(|source| {
                let phase = Phase::BeforeAuthentication;
                of(self.side, Error::Wire(sabir_wire::Error::Frame { source, phase, offset }))
            })?;
            match message {
                Some(message) if self.challenges.contains(&message) => {
                    return Err(PairError::Reflected(self.side));
                }
                Some(message) => return Ok(self.handshake.handle_message(&message)),
                None => {}
            }
            let early = Error::Handle("a descriptor came before the handshake was over");
            if !inbox.fds.is_empty() {
                return Err(of(self.side, early));
            }
            match inbox.fill(&leg.stream, limits, true).await.map_err(|source| self.io(source))? {
                Filled::Some => {}
                Filled::End => return Err(of(self.side, Error::Closed { doing: Doing::Authenticating })),
                Filled::LostDescriptors => return Err(of(self.side, early)),
            }
        }
    }

    /// Sends `#FAILURE#` if there is one to send, and says what went wrong.
    async fn fail(&mut self, leg: &Leg, inbox: &Inbox, step: Step) -> PairError {
        // The peer has lost its right to be told if it does not listen.
        if !step.send.is_empty() && self.send(leg, step.send).await.is_ok() {
            leg.farewell().await;
        }
        let source = match step.next {
            Next::Fail(source) => source,
            Next::Read | Next::Done(_) => AuthError::Over,
        };
        let (stage, offset) = (self.handshake.stage(), inbox.offset);
        of(self.side, Error::Wire(sabir_wire::Error::Auth { source, stage, offset }))
    }

    async fn send(&mut self, leg: &Leg, messages: Vec<Bytes>) -> Result<(), PairError> {
        for message in messages {
            self.issued.sent(&message);
            leg.write_message(message).await.map_err(|source| self.io(source))?;
        }
        Ok(())
    }

    fn io(&self, source: io::Error) -> PairError {
        of(self.side, Error::Io { doing: Doing::Authenticating, source })
    }
}

async fn by<T>(
    deadline: Instant,
    side: Side,
    work: impl Future<Output = Result<T, PairError>>,
) -> Result<T, PairError> {
    let late = |_| of(side, Error::Timeout { doing: Doing::Authenticating });
    timeout_at(deadline.into(), work).await.map_err(late)?
}

fn of(side: Side, source: Error) -> PairError {
    PairError::Authentication { side, source }
}
