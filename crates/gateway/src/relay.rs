//! One pair of connections, frame by frame.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use sabir_pickle::{Pythons, Segments};

use crate::Side;
use crate::config::{Addresses, Config};
use crate::error::RelayError;
use crate::event::Event;
use crate::knowledge::ServerKnowledge;

/// What is to be done with a frame.
#[derive(Debug)]
pub enum Outcome {
    /// Pass it on as it is.
    Pass,
    /// Pass this on in its place.
    Replace(Segments),
    /// Pass nothing on; send this back to who sent the frame.
    Answer(Vec<u8>),
    /// Close both connections.
    Close(RelayError),
}

/// The relay of one pair of connections.
///
/// Feed it the frames of both ends after authentication, each in the order in which it was read, and do what the
/// [`Outcome`] says; then [`poll_event`](Relay::poll_event) until there is none.
#[derive(Debug)]
pub struct Relay {
    config: Arc<Config>,
    addresses: Addresses,
    events: VecDeque<Event>,
}

impl Relay {
    /// Of a pair that has exchanged nothing yet.
    pub fn new(config: Arc<Config>, addresses: Addresses) -> Relay {
        Relay { config, addresses, events: VecDeque::new() }
    }

    /// What the handshake told of a peer: see [`knowledge::pythons`](crate::knowledge::pythons).
    pub fn learn(&mut self, _side: Side, _pythons: Pythons, _server: &mut ServerKnowledge) {}

    /// Takes one frame of the application, without its header, and says what is to be done with it.
    pub fn handle_frame(&mut self, _from: Side, _body: &Bytes, _server: &mut ServerKnowledge) -> Outcome {
        let _ = (&self.config, &self.addresses);
        Outcome::Pass
    }

    /// The next thing for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
