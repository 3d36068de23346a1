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
use std::time::Instant;

use bytes::Bytes;
use sabir_net::tokio::authenticate;
use sabir_net::{Doing, Error};
use sabir_wire::auth::{AuthKey, AuthOptions, FAILURE, Handshake, Next, PeerHints, Step};
use sabir_wire::error::{AuthError, Phase};
use sabir_wire::frame::FrameLimits;
use tokio::time::timeout_at;

use super::inbox::{Filled, Inbox};
use super::leg::Leg;

/// A client that has proved the key and waits to hear so.
#[derive(Debug)]
pub(super) struct Verified {
    handshake: Handshake,
    welcome: Step,
}

/// Challenges the client and judges its answer. If that is wrong it has been told.
pub(super) async fn verify(
    client: &Leg,
    inbox: &mut Inbox,
    key: AuthKey,
    options: AuthOptions,
    deadline: Instant,
) -> Result<Verified, Error> {
    let mut handshake = Handshake::accepting(key, sabir_net::nonce()?, options);
    let work = async {
        let start = handshake.start();
        send(client, start.send).await?;
        let step = answer(client, inbox, &mut handshake).await?;
        match step.next {
            Next::Fail(_) => Err(fail(client, inbox, &handshake, step).await),
            _ => Ok(step),
        }
    };
    let welcome = by(deadline, work).await?;
    Ok(Verified { handshake, welcome })
}

/// Welcomes a verified client and proves the key to it in turn.
pub(super) async fn welcome(
    client: &Leg,
    inbox: &mut Inbox,
    verified: Verified,
    deadline: Instant,
) -> Result<PeerHints, Error> {
    let Verified { mut handshake, welcome } = verified;
    let work = async {
        let mut step = welcome;
        loop {
            match &step.next {
                Next::Done(hints) => {
                    let hints = *hints;
                    send(client, step.send).await?;
                    return Ok(hints);
                }
                Next::Fail(_) => return Err(fail(client, inbox, &handshake, step).await),
                Next::Read => send(client, step.send).await?,
            }
            step = answer(client, inbox, &mut handshake).await?;
        }
    };
    by(deadline, work).await
}

/// Tells a client that it cannot be served, in the only word that a handshake has for that.
pub(super) async fn turn_away(client: &Leg) {
    if client.write_message(Bytes::from_static(FAILURE)).await.is_ok() {
        client.farewell().await;
    }
}

/// Authenticates with the server.
pub(super) async fn introduce(
    server: &Leg,
    key: AuthKey,
    options: AuthOptions,
    deadline: Instant,
) -> Result<(PeerHints, Inbox), Error> {
    let done = authenticate::connecting(&server.stream, key, options, deadline).await?;
    Ok((done.hints, Inbox::new(done.leftover, done.fds)))
}

/// Whether it failed because of a key, a digest or the lack of either.
pub(super) fn is_about_keys(error: &Error) -> bool {
    matches!(error, Error::Wire(sabir_wire::Error::Auth { .. }))
}

async fn answer(client: &Leg, inbox: &mut Inbox, handshake: &mut Handshake) -> Result<Step, Error> {
    let limits = FrameLimits::BEFORE_AUTHENTICATION;
    loop {
        let offset = inbox.offset;
        let message = inbox.take_message(limits).map_err(|source| {
            Error::Wire(sabir_wire::Error::Frame { source, phase: Phase::BeforeAuthentication, offset })
        })?;
        if let Some(message) = message {
            return Ok(handshake.handle_message(&message));
        }
        if !inbox.fds.is_empty() {
            return Err(Error::Handle("the client sent a descriptor before it was authenticated"));
        }
        match inbox.fill(&client.stream, limits, true).await.map_err(io_error)? {
            Filled::Some => {}
            Filled::End => return Err(Error::Closed { doing: Doing::Authenticating }),
            Filled::LostDescriptors => {
                return Err(Error::Handle("the client sent a descriptor before it was authenticated"));
            }
        }
    }
}

/// Sends `#FAILURE#` if there is one to send, and says what went wrong.
async fn fail(client: &Leg, inbox: &Inbox, handshake: &Handshake, step: Step) -> Error {
    // The client has lost its right to be told if it does not listen.
    if !step.send.is_empty() && send(client, step.send).await.is_ok() {
        client.farewell().await;
    }
    let source = match step.next {
        Next::Fail(source) => source,
        Next::Read | Next::Done(_) => AuthError::Over,
    };
    Error::Wire(sabir_wire::Error::Auth { source, stage: handshake.stage(), offset: inbox.offset })
}

async fn send(leg: &Leg, messages: Vec<Bytes>) -> Result<(), Error> {
    for message in messages {
        leg.write_message(message).await.map_err(io_error)?;
    }
    Ok(())
}

async fn by<T>(deadline: Instant, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Timeout { doing: Doing::Authenticating };
    timeout_at(deadline.into(), work).await.map_err(late)?
}

fn io_error(source: io::Error) -> Error {
    Error::Io { doing: Doing::Authenticating, source }
}
