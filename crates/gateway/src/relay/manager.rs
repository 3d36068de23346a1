//! Requests and replies of managers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sabir_manager::methods::{Call, Rule};
use sabir_manager::native::{self, Holds};
use sabir_manager::{Address, Exposed, Head, Kind, Reply, Request, Rewriting, Token};
use sabir_pickle::{Graph, Node, NodeId, Pythons};

use super::translate::native_for;
use super::{Frame, Outcome, Relay};
use crate::Side;
use crate::config::Config;
use crate::error::RelayError;
use crate::event::Event;
use crate::knowledge::{MAX_TEXT, ServerKnowledge};
use crate::policy;

/// What a reply will be about, known from its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Expected {
    /// Whatever its kind says.
    #[default]
    Value,
    /// A text of the server.
    Text,
    /// Ident and exposed methods of a new object, of this typeid if it is one to remember.
    Created(Option<String>),
    /// The exposed methods of an object: its ident, and the typeid that the client has for it.
    Methods(Option<(String, String)>),
}

/// Stock clients wait for each reply; who does not may have this many requests in flight.
const MAX_REQUESTS: usize = 1024;

impl Relay {
    pub(super) fn request(
        &mut self,
        frame: Frame<'_>,
        server: &mut ServerKnowledge,
    ) -> Result<Outcome, RelayError> {
        if self.expected.len() >= MAX_REQUESTS {
            return Err(RelayError::TooManyRequests { limit: MAX_REQUESTS });
        }
        if let Some(expected) = self.expected_of_plain(frame, server) {
            self.expected.push_back(expected);
            return Ok(Outcome::Pass);
        }
        let mut graph = frame.load(&self.config)?;
        let Some(mut request) = Request::decode(&graph, graph.root()) else {
            if self.is_strict() {
                return Err(frame.misused("a request that no client makes"));
            }
            // Whatever the server makes of it.
            let outcome = self.finish(frame, graph, false, server)?;
            self.expected.push_back(Expected::Value);
            return Ok(outcome);
        };
        let expected = expected(&graph, &request);
        let original = request;
        match self.rewrite(&mut graph, &request, server) {
            Rewriting::Keep => {}
            Rewriting::Request(new) => request = new,
            Rewriting::NoEquivalent(text) => {
                return Ok(self.tell(Side::Client, Kind::Traceback, text, server));
            }
        }
        request = native::request(&mut graph, &request, native_for(&self.config, frame.target.pythons));
        if request != original {
            let root = request.encode(&mut graph);
            graph.set_root(root);
        }
        let outcome = self.finish(frame, graph, request != original, server)?;
        self.expected.push_back(expected);
        Ok(outcome)
    }

    /// What to expect of the reply to a request that needs no second look; `None` if it needs one.
    fn expected_of_plain(&self, frame: Frame<'_>, server: &mut ServerKnowledge) -> Option<Expected> {
        if !frame.is_plain() || frame.may_need_native_texts() {
            return None;
        }
        let head = Head::peek(frame.body)?;
        match head.ident {
            None if matches!(head.method, "create" | "get_methods") => None,
            Some(ident) if self.rule(&self.config, ident, head.method, server).is_some() => None,
            _ => Some(if is_text(head.method) { Expected::Text } else { Expected::Value }),
        }
    }

    /// The rule by which this server is asked for a method otherwise.
    fn rule<'c>(
        &self,
        config: &'c Config,
        ident: &str,
        method: &str,
        server: &mut ServerKnowledge,
    ) -> Option<&'c Rule> {
        if !config.methods.may_translate(method) {
            return None;
        }
        let (client, pythons) = (self.client.pythons(), server.pythons());
        let object = server.recall(ident)?;
        let (typeid, exposed, server) = (&*object.typeid, Some(object.exposed), pythons);
        config.methods.rule(&Call { typeid, exposed, method, client, server })
    }

    fn rewrite(&mut self, graph: &mut Graph, request: &Request, server: &mut ServerKnowledge) -> Rewriting {
        let config = self.config.clone();
        let (ident, method) = (graph.text(request.ident), graph.text(request.method));
        let rule = ident.zip(method).and_then(|(ident, method)| self.rule(&config, ident, method, server));
        let Some(rule) = rule else { return Rewriting::Keep };
        let rewriting = rule.rewrite(graph, request, server.pythons());
        if let (Rewriting::Request(_), Some(becomes)) = (&rewriting, rule.becomes) {
            let (called, becomes) = (rule.called.to_string(), becomes.to_string());
            self.events.push(Event::MethodTranslated { called, becomes });
        }
        rewriting
    }

    pub(super) fn reply(
        &mut self,
        frame: Frame<'_>,
        server: &mut ServerKnowledge,
    ) -> Result<Outcome, RelayError> {
        let expected = self.expected.front().cloned().unwrap_or_default();
        let plain = matches!(expected, Expected::Value | Expected::Text)
            && frame.is_plain()
            && !frame.may_need_native_texts();
        let outcome = if plain { Outcome::Pass } else { self.rewrite_reply(frame, &expected, server)? };
        self.answered();
        Ok(outcome)
    }

    /// One reply has come.
    pub(super) fn answered(&mut self) {
        // `shutdown` is answered twice by 3.x, so there may be none that is due.
        self.expected.pop_front();
    }

    fn rewrite_reply(
        &mut self,
        frame: Frame<'_>,
        expected: &Expected,
        server: &mut ServerKnowledge,
    ) -> Result<Outcome, RelayError> {
        let mut graph = frame.load(&self.config)?;
        let Some(original) = Reply::decode(&graph, graph.root()) else {
            if self.is_strict() {
                return Err(frame.misused("a reply that no manager gives"));
            }
            return self.finish(frame, graph, false, server);
        };
        if self.is_strict() {
            judge(&graph, &original, expected).map_err(|what| frame.misused(what))?;
        }
        let mut reply = original;
        let client = frame.target.pythons;
        match (reply.kind, expected) {
            (Kind::Return, Expected::Created(Some(typeid))) => {
                if let Some(&[ident, exposed]) = graph.items(reply.result)
                    && let Some(text) = graph.text(ident).map(ToString::to_string)
                {
                    let object = (text.as_str(), typeid.as_str());
                    let new = self.expose(&mut graph, object, true, exposed, client, server);
                    if new != exposed {
                        reply.result = graph.add_tuple([ident, new]);
                    }
                }
            }
            (Kind::Return, Expected::Methods(Some((ident, typeid)))) => {
                // The server looks for the ident alone, so the typeid is what the client says.
                let object = (ident.as_str(), typeid.as_str());
                reply.result = self.expose(&mut graph, object, false, reply.result, client, server);
            }
            (Kind::Proxy, _) => {
                if let Some(&[exposed, node]) = graph.items(reply.result)
                    && let Some(token) = Token::at(&graph, node)
                {
                    // The server has just made it, so this is what it calls itself.
                    if let Some(address) = Address::decode(&graph, token.address) {
                        server.learn_own_address(&address);
                    }
                    let text = |id| graph.text(id).unwrap_or_default().to_string();
                    let (typeid, ident) = (text(token.typeid), text(token.ident));
                    let object = (ident.as_str(), typeid.as_str());
                    let new = self.expose(&mut graph, object, true, exposed, client, server);
                    if new != exposed {
                        reply.result = graph.add_tuple([new, node]);
                    }
                }
            }
            _ => {}
        }
        let holds = match expected {
            Expected::Value => Holds::Value,
            Expected::Text => Holds::Text,
            Expected::Created(_) => Holds::Created,
            Expected::Methods(_) => Holds::Methods,
        };
        reply = native::reply(&mut graph, &reply, holds, native_for(&self.config, client));
        if reply != original {
            let root = reply.encode(&mut graph);
            graph.set_root(root);
        }
        self.finish(frame, graph, reply != original, server)
    }

    /// Learns what an object (ident and typeid, which may be `certain`) exposes; gives the exposed methods with those that
    /// this client will call and that we can translate.
    fn expose(
        &self,
        graph: &mut Graph,
        (ident, typeid): (&str, &str),
        certain: bool,
        exposed: NodeId,
        client: Pythons,
        server: &mut ServerKnowledge,
    ) -> NodeId {
        let methods = &self.config.methods;
        let Some(items) = graph.items(exposed) else { return exposed };
        let known: Exposed = methods.exposed(items.iter().filter_map(|&item| graph.text(item)));
        server.learn_object(ident, typeid, known, certain);
        let missing: Vec<&str> = methods.missing(typeid, known, client, server.pythons()).collect();
        if missing.is_empty() {
            return exposed;
        }
        let mut items = items.to_vec();
        items.extend(missing.into_iter().map(|method| graph.add_str(method)));
        match graph[exposed] {
            Node::List(_) => graph.add(Node::List(items)),
            _ => graph.add_tuple(items),
        }
    }
}

/// Whether a reply is what a manager answers, where clients make methods of what it says.
fn judge(graph: &Graph, reply: &Reply, expected: &Expected) -> Result<(), String> {
    match (reply.kind, expected, graph.items(reply.result)) {
        (Kind::Return, Expected::Created(_), Some(&[ident, exposed])) if graph.text(ident).is_some() => {
            policy::exposed(graph, exposed)
        }
        (Kind::Return, Expected::Methods(_), _) => policy::exposed(graph, reply.result),
        (Kind::Proxy, _, Some(&[exposed, token])) if Token::whole(graph, token).is_some() => {
            policy::exposed(graph, exposed)
        }
        (Kind::Return, Expected::Created(_), _) | (Kind::Proxy, ..) => {
            Err("a reply that no manager gives".into())
        }
        _ => Ok(()),
    }
}

fn expected(graph: &Graph, request: &Request) -> Expected {
    // What is longer is not remembered anyway.
    let text = |id| graph.text(id).filter(|text| text.len() <= MAX_TEXT).map(ToString::to_string);
    let first = graph.items(request.args).and_then(|args| args.first().copied());
    match (graph.text(request.method), request.is_function()) {
        (Some("create"), true) => Expected::Created(first.and_then(text)),
        (Some("get_methods"), true) => {
            let token = first.and_then(|node| Token::at(graph, node));
            Expected::Methods(token.and_then(|token| Some((text(token.ident)?, text(token.typeid)?))))
        }
        (Some(method), _) if is_text(method) => Expected::Text,
        _ => Expected::Value,
    }
}

/// Whether a method or function answers with a text of the server.
fn is_text(method: &str) -> bool {
    matches!(method, "__str__" | "__repr__" | "debug_info")
}
