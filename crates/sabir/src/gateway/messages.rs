//! Whole messages on their way from one peer to the other.

use bytes::Bytes;
use sabir_gateway::{Outcome, Side};
use sabir_wire::auth::Part;
use sabir_wire::frame::{self, FrameDialect, FrameLimits};

use super::error::PairError;
use super::leg::Piece;
use super::log;
use super::pump::Pump;
use super::talk::index;

impl Pump {
    /// Whole messages, header and body each. Runs of them that stay as they are leave in one write,
    /// from where they were read to.
    pub(super) async fn pass_on(&self, from: Side, messages: &Bytes) -> Result<(), PairError> {
        let mut out = Vec::new();
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
            let outcome = self.decide(from, &body);
            if !matches!(outcome, Ok(Outcome::Pass)) && run < position {
                out.push(Piece::Bytes(messages.slice(run..position)));
            }
            match outcome {
                Ok(Outcome::Pass) => self.check_length(from, header.body_len)?,
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
                }
                Ok(Outcome::Close(source)) => {
                    self.write(from.other(), &out).await?;
                    return Err(PairError::Relay { side: from, source });
                }
                Err(refused) => {
                    out.push(Piece::Bytes(messages.slice(position..end)));
                    self.write(from.other(), &out).await?;
                    self.leg(from.other()).farewell().await;
                    return Err(refused);
                }
            }
            position = end;
        }
        if run < position {
            out.push(Piece::Bytes(messages.slice(run..position)));
        }
        self.write(from.other(), &out).await
    }

    /// What is to become of one message. An error is a message that is passed on and is the last.
    fn decide(&self, from: Side, body: &Bytes) -> Result<Outcome, PairError> {
        let mut talk = self.talk();
        let mut knowledge = self.knowledge();
        if talk.observer.is_some()
            && talk.observe(from, body, &mut knowledge, &self.ticket)? == Part::Handshake
        {
            return Ok(Outcome::Pass);
        }
        talk.fresh[index(from)] = false;
        talk.last = Some(from);
        if self.raw {
            return Ok(Outcome::Pass);
        }
        let outcome = talk.relay.handle_frame(from, body, &mut knowledge);
        drop(knowledge);
        while let Some(event) = talk.relay.poll_event() {
            talk.hear(&event);
            self.span.in_scope(|| log::event(&event));
        }
        Ok(outcome)
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
