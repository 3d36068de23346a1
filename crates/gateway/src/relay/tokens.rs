//! Addresses inside tokens: what a manager calls itself is not where its clients find it.

use alloc::format;
use alloc::string::ToString;

use sabir_manager::{Address, Token};
use sabir_pickle::{Graph, one_line};

use super::{Frame, Relay};
use crate::Side;
use crate::config::{Addresses, Route};
use crate::error::RelayError;
use crate::event::Event;
use crate::knowledge::ServerKnowledge;

/// Whose manager an address means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose<'a> {
    /// That of the server of this connection.
    Ours,
    /// That of another route.
    Route(&'a Route),
    Unknown,
}

impl Relay {
    /// Rewrites the addresses of all tokens for their reader. Says whether any was.
    ///
    /// # Errors
    /// The policy is strict, and a token leads elsewhere: its reader would connect there and load what comes, which no
    /// policy has seen.
    pub(super) fn readdress(
        &mut self,
        frame: Frame<'_>,
        graph: &mut Graph,
        server: &ServerKnowledge,
    ) -> Result<bool, RelayError> {
        let mut changed = false;
        for mut token in Token::find(graph) {
            let Some(address) = Address::decode(graph, token.address) else { continue };
            let (Some(typeid), Some(ident)) = (graph.text(token.typeid), graph.text(token.ident)) else {
                continue;
            };
            let whose = match frame.from {
                Side::Server => from_server(&self.addresses, server, &address),
                Side::Client => from_client(&self.addresses, server, &address, typeid, ident),
            };
            let new = match (whose, frame.from) {
                (Whose::Ours, Side::Server) => self.addresses.client.clone(),
                (Whose::Ours, Side::Client) => server.own_address().unwrap_or(&self.addresses.server).clone(),
                (Whose::Route(route), Side::Server) => listening(route, &self.addresses.client),
                (Whose::Route(route), Side::Client) => route.alias.as_ref().unwrap_or(&route.to).clone(),
                (Whose::Unknown, from) => {
                    if self.is_strict() {
                        let place = one_line(&address.to_string());
                        return Err(frame
                            .misused(format!("a token of a manager at {place}, to which no route leads")));
                    }
                    self.events.push(Event::UnknownAddress { from, address });
                    continue;
                }
            };
            if new != address {
                let node = new.encode(graph, frame.target.pythons);
                token.replace(graph, token.typeid, node, token.ident);
                changed = true;
            }
        }
        Ok(changed)
    }
}

/// Whose manager an address in a message of the server means. Exact spellings go before those that only may be.
fn from_server<'a>(ours: &'a Addresses, server: &ServerKnowledge, address: &Address) -> Whose<'a> {
    let own = [Some(&ours.server), server.own_address()];
    if own.into_iter().flatten().chain(&ours.server_also).any(|own| own == address) {
        return Whose::Ours;
    }
    let places = |route: &'a Route| core::iter::once(&route.to).chain(&route.alias);
    if let Some(route) = ours.routes.iter().find(|route| places(route).any(|place| place == address)) {
        return Whose::Route(route);
    }
    if core::iter::once(&ours.server).chain(&ours.server_also).any(|own| address.may_be(own)) {
        return Whose::Ours;
    }
    match ours.routes.iter().find(|route| places(route).any(|place| address.may_be(place))) {
        Some(route) => Whose::Route(route),
        None => Whose::Unknown,
    }
}

/// Whose manager an address in a message of the client means. A client that reaches us by a name of which we do not
/// know has it in its tokens, with our port; then an object that we know to be the server's tells.
fn from_client<'a>(
    ours: &'a Addresses,
    server: &ServerKnowledge,
    address: &Address,
    typeid: &str,
    ident: &str,
) -> Whose<'a> {
    let own = || core::iter::once(&ours.client).chain(&ours.client_also);
    if own().any(|own| own == address) {
        return Whose::Ours;
    }
    let listen = |route: &Route| listening(route, &ours.client);
    if let Some(route) = ours.routes.iter().find(|route| listen(route) == *address) {
        return Whose::Route(route);
    }
    let known = || server.object(ident).is_some_and(|object| *object.typeid == *typeid);
    if own().any(|own| address.may_be(own) || (same_port(address, own) && known())) {
        return Whose::Ours;
    }
    match ours.routes.iter().find(|route| address.may_be(&listen(route))) {
        Some(route) => Whose::Route(route),
        None => Whose::Unknown,
    }
}

/// Where a client that found us at `client` finds another route.
fn listening(route: &Route, client: &Address) -> Address {
    match (&route.listen, client) {
        (Address::Inet { port, .. }, Address::Inet { host, .. }) if route.listen.is_wildcard() => {
            Address::Inet { host: host.clone(), port: *port }
        }
        (listen, _) => listen.clone(),
    }
}

fn same_port(one: &Address, other: &Address) -> bool {
    matches!((one, other), (Address::Inet { port: p, .. }, Address::Inet { port: q, .. }) if p == q)
}
