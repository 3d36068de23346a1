//! What a log says of connections: one table.

use sabir_gateway::{Event, Side};
use tracing::{debug, info, warn};

use super::error::PairError;

/// Something that the relay noticed.
pub(super) fn event(event: &Event) {
    match event {
        Event::Recognised { manager: true } => debug!("speaks the manager protocol"),
        Event::Recognised { manager: false } => debug!("is a plain connection"),
        Event::Pythons { side, pythons } => debug!("the {side} is Python {pythons}"),
        Event::UnknownAddress { from, address } => {
            info!(
                ?address,
                "the {from} sent a proxy of another manager, which passes unchanged: is a --route missing?"
            );
        }
        Event::MethodTranslated { called, becomes } => debug!("{called} is called as {becomes}"),
        Event::Refused { from, text } => warn!("a message of the {from} is refused: {text}"),
        Event::Dangerous { from, name } => {
            warn!("the {from} sent {name}, with which a pickle can do anything");
        }
        Event::Dropped(count) => warn!("{count} events went unreported"),
        other => debug!(?other),
    }
}

/// A peer's stream has ended inside a message, of which so much had come.
pub(super) fn broken_off(side: Side, arrived: usize, offset: u64) {
    info!("the {side} ended inside a message, after {arrived} bytes of it (byte {offset} from it)");
}

/// How a connection ended.
pub(super) fn end(ended: &Result<(), PairError>) {
    match ended {
        Ok(()) => debug!("closed"),
        Err(error) => match error {
            PairError::Stopping | PairError::Idle => info!("closed: {error}"),
            // A killed or impatient peer is everyday life.
            PairError::Io { .. } => info!("closed: {error}"),
            _ => warn!("closed: {error}"),
        },
    }
}
