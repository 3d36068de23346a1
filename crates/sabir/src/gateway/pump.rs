//! Two connected peers: bytes of each to the other, what is between translated by the relay.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sabir_gateway::{Relay, ServerKnowledge, Side, knowledge};
use sabir_wire::auth::{Observer, PeerHints, Sender};
use sabir_wire::frame::FrameLimits;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::timeout;
use tracing::Span;

use super::descriptors::{Descriptors, Handoff};
use super::error::PairError;
use super::heavy::Heavy;
use super::inbox::{Filled, Inbox};
use super::leg::{Leg, Piece};
use super::talk::{Due, Talk, index};
use crate::pending::{self, Ticket};

/// A pair of connections.
pub(super) struct Pump {
    pub(super) client: Leg,
    pub(super) server: Leg,
    pub(super) talk: Mutex<Talk>,
    /// Held as long as a message is judged, which for a long one is not done here.
    pub(super) relay: Arc<AsyncMutex<Relay>>,
    pub(super) knowledge: Arc<Mutex<ServerKnowledge>>,
    pub(super) heavy: Arc<Heavy>,
    pub(super) limits: FrameLimits,
    /// How long a client may pause inside a long message before the server has spoken.
    pub(super) patience: Duration,
    /// Once the handshake is over, bytes are passed on as they come.
    pub(super) raw: bool,
    pub(super) ticket: Ticket,
    /// It has just become known whether the client has to prove a key.
    pub(super) settled: Notify,
    /// For the log.
    pub(super) span: Span,
    /// Grows with whatever either peer sends.
    pub(super) activity: AtomicU64,
    /// Per direction: something has arrived that is not passed on yet.
    pub(super) busy: [AtomicBool; 2],
}

/// What a pair has in common with all others of its gateway.
pub(super) struct Terms {
    pub(super) heavy: Arc<Heavy>,
    pub(super) limits: FrameLimits,
    pub(super) patience: Duration,
    pub(super) raw: bool,
    pub(super) descriptors: Descriptors,
}

impl Pump {
    pub(super) fn new(
        (client, server): (Leg, Leg),
        relay: Relay,
        knowledge: Arc<Mutex<ServerKnowledge>>,
        terms: Terms,
        ticket: Ticket,
        span: Span,
    ) -> Self {
        let Terms { heavy, limits, patience, raw, descriptors } = terms;
        Self {
            client,
            server,
            talk: Mutex::new(Talk::new(Handoff::new(descriptors))),
            relay: Arc::new(AsyncMutex::new(relay)),
            knowledge,
            heavy,
            limits,
            patience,
            raw,
            ticket,
            settled: Notify::new(),
            span,
            activity: AtomicU64::new(0),
            busy: Default::default(),
        }
    }

    /// Runs until both peers have ended their streams.
    pub(super) async fn run(&self, from_client: Inbox, from_server: Inbox) -> Result<(), PairError> {
        tokio::try_join!(self.forward(Side::Client, from_client), self.forward(Side::Server, from_server),)?;
        Ok(())
    }

    /// The handshake passes through: until it is over nothing is rewritten.
    pub(super) fn observe_handshake(&self) {
        self.talk().observer = Some(Observer::new());
    }

    /// Nobody has to prove anything any more.
    pub(super) fn admitted(&self) {
        self.ticket.leave();
    }

    /// Waits until this is the oldest of too many that are not admitted.
    pub(super) async fn evicted(&self) {
        self.ticket.evicted().await;
    }

    /// A number that changes whenever a peer says something.
    pub(super) fn activity(&self) -> u64 {
        self.activity.load(Ordering::Relaxed)
    }

    /// Whether something has arrived and is not passed on, or a request waits for its reply.
    pub(super) fn in_flight(&self) -> bool {
        let talk = self.talk();
        let asked = talk.manager && talk.last == Some(Side::Client);
        asked || self.busy.iter().any(|busy| busy.load(Ordering::Relaxed))
    }

    /// Tells the relay what the gateway's own handshake with a peer has shown.
    pub(super) async fn learn(&self, side: Side, hints: &PeerHints) {
        if let Some(pythons) = knowledge::pythons(hints) {
            self.talk().learn(side, pythons);
            self.relay.lock().await.learn(side, pythons, &mut self.knowledge());
        }
    }

    /// Whether the server has left without a word after the first that was said to it, as one does
    /// that cannot read it.
    pub(super) fn was_not_understood(&self) -> bool {
        let talk = self.talk();
        talk.fresh == [false, true] && talk.left_first == Some(Side::Server)
    }

    /// Whether a handshake passes through, or is still to come.
    pub(super) fn is_observing(&self) -> bool {
        self.talk().observer.is_some()
    }

    /// Since when a handshake is going on, and who is due.
    pub(super) fn handshake(&self) -> Option<(Instant, Side)> {
        let talk = self.talk();
        let (observer, since) = (talk.observer.as_ref()?, talk.challenged?);
        let client_due = match (observer.hints(Sender::Client), observer.hints(Sender::Listener)) {
            (client, _) if client.response.is_none() => true,
            (client, server) => talk.welcomed && (client.challenge.is_none() || server.response.is_some()),
        };
        Some((since, if client_due { Side::Client } else { Side::Server }))
    }

    async fn forward(&self, from: Side, mut inbox: Inbox) -> Result<(), PairError> {
        let source = &self.leg(from).stream;
        let mut room = None;
        loop {
            self.pass_on_all(from, &mut inbox).await?;
            if let Some((byte, fds)) = inbox.take_descriptors() {
                self.pass_descriptors(from, byte, &fds).await?;
            } else if !inbox.fds.is_empty() {
                return Err(PairError::Descriptor { side: from, why: "it came inside a message" });
            }
            if inbox.arrived().is_empty() {
                self.busy[index(from)].store(false, Ordering::Relaxed);
            }
            let (limits, fresh, unsettled) = {
                let talk = self.talk();
                let fresh = talk.fresh[index(from)] || talk.observer.is_some();
                (self.limits_of(from, &talk), fresh, from == Side::Client && talk.is_unsettled())
            };
            let length = match inbox.begun(limits) {
                Ok(Some(header)) if unsettled => header.frame_len(),
                _ => 0,
            };
            if length <= pending::UNIT as u64 {
                room = None;
            } else if room.is_none() {
                tokio::select! {
                    found = self.ticket.room(length) => room = found,
                    () = self.settled.notified() => continue,
                }
            }
            let filling = inbox.fill(source, limits, fresh);
            let filled = match room {
                None => filling.await,
                Some(_) => timeout(self.patience, filling).await.map_err(|_| PairError::Stalled)?,
            };
            match filled.map_err(|source| self.lost(from, source))? {
                Filled::Some => {}
                Filled::End => return self.end(from, inbox).await,
                Filled::LostDescriptors => {
                    let why = "the gateway has no room for it: raise its limit of open files";
                    return Err(PairError::Descriptor { side: from, why });
                }
            }
            self.busy[index(from)].store(true, Ordering::Relaxed);
            self.activity.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everything that can go on as it stands in the buffer.
    async fn pass_on_all(&self, from: Side, inbox: &mut Inbox) -> Result<(), PairError> {
        loop {
            let due = self.due(from, inbox);
            let limits = match due {
                Due::Messages(limits) => limits,
                Due::Acknowledgement { pass_on } => {
                    if pass_on {
                        self.acknowledge(from.other()).await?;
                    }
                    continue;
                }
                Due::Stream => {
                    let bytes = inbox.take_before_descriptors();
                    return self.write(from.other(), &[Piece::Bytes(bytes)]).await;
                }
            };
            match inbox.take_messages(limits) {
                Ok(Some(messages)) => self.pass_on(from, &messages).await?,
                Ok(None) => return Ok(()),
                Err(source) => self.pass_over(from, inbox, source).await?,
            }
        }
    }

    /// What the bytes of a peer are by now.
    fn due(&self, from: Side, inbox: &mut Inbox) -> Due {
        let mut talk = self.talk();
        if let Some(pass_on) = talk.handoff.take(from, inbox) {
            Due::Acknowledgement { pass_on }
        } else if self.raw && talk.observer.is_none() {
            Due::Stream
        } else {
            Due::Messages(self.limits_of(from, &talk))
        }
    }

    pub(super) async fn write(&self, to: Side, pieces: &[Piece]) -> Result<(), PairError> {
        self.leg(to).write(pieces).await.map_err(PairError::io(to))
    }

    /// How long a message of this peer may be by now. Before the server has challenged it cannot be
    /// told whether it will: two programs without a key may begin with a long message.
    fn limits_of(&self, from: Side, talk: &Talk) -> FrameLimits {
        if from == Side::Client && talk.challenged.is_some() && !talk.welcomed && talk.observer.is_some() {
            return FrameLimits::BEFORE_AUTHENTICATION;
        }
        self.limits
    }

    pub(super) fn talk(&self) -> MutexGuard<'_, Talk> {
        lock(&self.talk)
    }

    /// Taken after [`Pump::talk`], never before.
    pub(super) fn knowledge(&self) -> MutexGuard<'_, ServerKnowledge> {
        lock(&self.knowledge)
    }

    pub(super) fn leg(&self, side: Side) -> &Leg {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// Nobody panics while he holds a lock, and if he did, what it guards is still sound.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
