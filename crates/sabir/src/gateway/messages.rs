//! Whole messages on their way from one peer to the other.

use std::iter;
use std::mem;

use bytes::Bytes;
use sabir_gateway::{Event, Outcome, Relay, ServerKnowledge, Side};
use sabir_wire::auth::Part;
use sabir_wire::error::FrameError;
use sabir_wire::frame::{self, FrameDialect, FrameLimits};

use super::error::PairError;
use super::heavy::is_heavy;
use super::inbox::Inbox;
use super::leg::Piece;
use super::log;
use super::pump::{Pump, lock};
use super::talk::index;

impl Pump {
    /// Whole messages, header and body each. Runs of them that stay as they are leave in one write,
    /// from where they were read to.
    pub(super) async fn pass_on(&self, from: Side, messages: &Bytes) -> Result<(), PairError> {
        let mut out = Vec::new();
        let judged = self.judge(from, messages, &mut out).await;
        // What came before the message that ends it is sound.
        self.write(from.other(), &out).await?;
        if let Err(PairError::Refused(_)) = judged {
            self.leg(from.other()).farewell().await;
        }
        judged
    }

    /// A message that may not even be read. In a manager's there is somebody to be told, and it goes on
    /// with the next one.
    pub(super) async fn pass_over(
        &self,
        from: Side,
        inbox: &mut Inbox,
        source: FrameError,
    ) -> Result<(), PairError> {
        let told = from == Side::Client && self.talk().manager;
        let broken = PairError::Frame { side: from, source, offset: inbox.offset };
        let FrameError::TooLong { length, limit } = source else { return Err(broken) };
        if !told {
            return Err(broken);
        }
        let (outcome, events) = {
            let mut relay = self.relay.lock().await;
            let outcome = relay.handle_too_long(from, length, limit, &self.knowledge());
            (outcome, iter::from_fn(|| relay.poll_event()).collect::<Vec<_>>())
        };
        self.hear(&events);
        let Outcome::Answer(answer) = outcome else { return Err(broken) };
        self.leg(from).write_message(answer.into()).await.map_err(PairError::io(from))?;
        self.talk().last = Some(from.other());
        // It reads the answer once it has sent all of its request.
        self.skip(from, inbox, length).await
    }

    /// What becomes of each, until one ends the connection.
    async fn judge(&self, from: Side, messages: &Bytes, out: &mut Vec<Piece>) -> Result<(), PairError> {
        let (mut run, mut position) = (0, 0);
        while position < messages.len() {
            let Ok(Some(header)) =
                frame::peek(&messages[position..], FrameDialect::PY38, FrameLimits::UNLIMITED)
            else {
                break;
            };
            let start = position + header.header_len;
            // It fits: the inbox has found this very frame whole.
            let end = start + usize::try_from(header.body_len).unwrap_or(0);
            let body = messages.slice(start..end);
            let heavy = is_heavy(&body);
            if heavy {
                // What came before it need not wait for it.
                if run < position {
                    out.push(Piece::Bytes(messages.slice(run..position)));
                }
                self.write(from.other(), &mem::take(out)).await?;
                run = position;
            }
            let outcome = self.decide(from, &body, heavy).await;
            // The long header of a short message: only 3.8 and newer read it, and nobody writes it.
            let odd = header.header_len > 4 && header.body_len <= frame::MAX_SHORT_BODY;
            if (odd || !matches!(outcome, Ok(Outcome::Pass))) && run < position {
                out.push(Piece::Bytes(messages.slice(run..position)));
            }
            match outcome {
                Ok(Outcome::Pass) => {
                    if odd {
                        run = end;
                        out.extend([Piece::Header(frame::header(header.body_len)), Piece::Bytes(body)]);
                    }
                    if let Err(error) = self.check_length(from, header.body_len) {
                        out.push(Piece::Bytes(messages.slice(run..position)));
                        return Err(error);
                    }
                }
                Ok(Outcome::Replace(segments)) => {
                    run = end;
                    let length = segments.len() as u64;
                    self.check_length(from, length)?;
                    out.push(Piece::Header(frame::header(length)));
                    out.extend(segments.into_pieces().into_iter().map(Piece::Bytes));
                }
                Ok(Outcome::Answer(answer)) => {
                    run = end;
                    self.leg(from).write_message(answer.into()).await.map_err(PairError::io(from))?;
                    // The request has its reply.
                    self.talk().last = Some(from.other());
                }
                Ok(Outcome::Close(source)) => return Err(PairError::Relay { side: from, source }),
                Err(refused) => {
                    if let PairError::Refused(_) = refused {
                        out.push(Piece::Bytes(messages.slice(position..end)));
                    }
                    return Err(refused);
                }
            }
            position = end;
        }
        if run < position {
            out.push(Piece::Bytes(messages.slice(run..position)));
        }
        Ok(())
    }

    /// What is to become of one message. [`PairError::Refused`] is one that is passed on and is the
    /// last.
    async fn decide(&self, from: Side, body: &Bytes, heavy: bool) -> Result<Outcome, PairError> {
        let observed = self.talk().observe(from, body);
        if observed.settled {
            self.settled.notify_one();
        }
        if observed.over {
            self.ticket.leave();
        } else if observed.challenged {
            self.ticket.challenged();
        }
        if let Some(pythons) = observed.pythons {
            self.relay.lock().await.learn(from, pythons, &mut self.knowledge());
        }
        if observed.part? == Part::Handshake {
            return Ok(Outcome::Pass);
        }
        {
            let mut talk = self.talk();
            talk.fresh[index(from)] = false;
            talk.last = Some(from);
        }
        if self.raw {
            return Ok(Outcome::Pass);
        }
        let (outcome, events) = if heavy {
            let mut relay = self.relay.clone().lock_owned().await;
            let (body, known) = (body.clone(), self.knowledge.clone());
            let work = move || {
                // With a copy of what is known, lest all other connections to this server wait.
                let before = lock(&known).clone();
                let mut copy = before.clone();
                let judged = judge(&mut relay, from, &body, &mut copy);
                lock(&known).merge(&before, copy);
                judged
            };
            self.heavy.run(work).await.map_err(|source| PairError::Rewriting { side: from, source })?
        } else {
            let mut relay = self.relay.lock().await;
            let mut known = self.knowledge();
            judge(&mut relay, from, body, &mut known)
        };
        self.hear(&events);
        Ok(outcome)
    }

    fn hear(&self, events: &[Event]) {
        for event in events {
            self.talk().hear(event);
            self.span.in_scope(|| log::event(event));
        }
    }

    /// Pythons before 3.8 have no header for more than 2 GiB.
    fn check_length(&self, from: Side, length: u64) -> Result<(), PairError> {
        if length <= frame::MAX_SHORT_BODY {
            return Ok(());
        }
        let to = self.talk().pythons[index(from.other())];
        let dialect = match (to.min.major, to.min.minor) {
            (..=2, _) => FrameDialect::PY27,
            (3, ..=7) => FrameDialect::PY36,
            _ => FrameDialect::PY38,
        };
        match dialect.header(length) {
            Ok(_) => Ok(()),
            Err(source) => Err(PairError::TooLong { side: from, source }),
        }
    }
}

fn judge(relay: &mut Relay, from: Side, body: &Bytes, known: &mut ServerKnowledge) -> (Outcome, Vec<Event>) {
    let outcome = relay.handle_frame(from, body, known);
    (outcome, iter::from_fn(|| relay.poll_event()).collect())
}
