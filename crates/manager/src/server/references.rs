//! Whose references are taken back, because nobody else will.

use core::time::Duration;

use super::{ConnectionId, Ident, Server};

impl<O: Clone> Server<O> {
    /// The connection's other end is this process: the references that it is given are the process's.
    pub fn comes_from(&mut self, connection: ConnectionId, process: u32) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.process = Some(process);
        }
    }

    /// A process has ended: takes back the references that it has not given back.
    pub fn process_ended(&mut self, process: u32) {
        self.objects.process_ended(process);
    }

    /// An object was called.
    pub fn used(&mut self, ident: Ident, now: Duration) {
        self.objects.used(ident, now);
    }

    /// Takes back the references of no known process to objects that were not [`used`](Server::used) since then, nor are
    /// in use otherwise.
    pub fn expire_references(&mut self, since: Duration, is_in_use: impl Fn(&O) -> bool) {
        self.objects.expire(since, is_in_use);
    }

    pub(super) fn process(&self, connection: ConnectionId) -> Option<u32> {
        self.connections.get(&connection)?.process
    }
}
