//! What to ask a server for that lacks what its client's stock proxies call: `tables/translations.tsv`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sabir_pickle::{Graph, Make, Node, NodeId, Pythons};

use crate::{Request, table};

/// The translations between the methods of different Pythons.
///
/// ```
/// use sabir_manager::{Methods, methods::Call};
/// use sabir_pickle::{Pythons, Version};
///
/// let methods = Methods::builtin();
/// let server = Version::new(3, 13).into();
/// let call = Call { typeid: "dict", exposed: None, method: "has_key", client: Pythons::PY2, server };
/// let rule = methods.rule(&call).expect("3.13's dicts have none");
/// assert_eq!(rule.becomes, Some("__contains__"));
/// ```
#[derive(Clone, Debug)]
pub struct Methods {
    rules: Vec<Rule>,
    /// The methods that a rule asks for; each has the bit of its place in an [`Exposed`].
    known: Vec<&'static str>,
}

impl Default for Methods {
    fn default() -> Methods {
        Methods::builtin()
    }
}

/// Which of the methods that rules ask for an object exposes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposed(u64);

/// A call, as far as rules ask.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// The typeid of the object.
    pub typeid: &'c str,
    /// What it exposes; `None` if that is not known.
    pub exposed: Option<Exposed>,
    /// What is called.
    pub method: &'c str,
    /// Who calls.
    pub client: Pythons,
    /// Who is called.
    pub server: Pythons,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The stock typeids that it holds for.
    pub typeids: Vec<&'static str>,
    /// What an object under any other typeid must expose for the rule to hold; if empty, it never does.
    pub like: Vec<&'static str>,
    /// The method that the client calls.
    pub called: &'static str,
    /// The clients whose stock proxies call it, and whose own managers have it.
    pub callers: Pythons,
    /// The servers that lack it.
    pub servers: Pythons,
    /// The method that does the same; `None` if nothing does.
    pub becomes: Option<&'static str>,
    /// What becomes of the arguments.
    pub how: How,
    /// What the client is told to do where nothing does the same; empty where something always does.
    pub remedy: &'static str,
}

/// What becomes of the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// They stay.
    Same,
    /// The first two become one slice.
    Slice,
    /// There are none, and they become the slice of everything.
    Everything,
    /// `(blocking, timeout)`: a timeout that means "none" is left out, any other cannot be said.
    Blocking,
    /// Nothing does the same.
    Nothing,
}

/// What a request becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewriting {
    /// It stays.
    Keep,
    /// This one.
    Request(Request),
    /// Nothing: the server cannot do this. The text is for the client.
    NoEquivalent(String),
}

impl Methods {
    /// The table that this crate brings. Parses it: build once, then share.
    pub fn builtin() -> Methods {
        let rules: Vec<Rule> = table::rows(TABLE).filter_map(Rule::parse).collect();
        let mut known: Vec<&str> = Vec::new();
        for rule in &rules {
            known.extend(rule.like.iter().chain(&rule.becomes));
            known.push(rule.called);
        }
        known.sort_unstable();
        known.dedup();
        Methods { rules, known }
    }

    /// What matters here of an exposed tuple.
    pub fn exposed<'a>(&self, methods: impl IntoIterator<Item = &'a str>) -> Exposed {
        Exposed(methods.into_iter().fold(0, |bits, method| bits | self.bit(method)))
    }

    /// Whether any rule is about this method.
    pub fn may_translate(&self, method: &str) -> bool {
        self.rules.iter().any(|rule| rule.called == method)
    }

    /// The rule for a call of `method` on an object of this typeid, given what it exposes, if that is known. There is
    /// none unless the client is of a version that calls it and the server of one that lacks it.
    pub fn rule(&self, call: &Call<'_>) -> Option<&Rule> {
        self.rules.iter().filter(|rule| rule.called == call.method).find(|rule| {
            let versions = call.client.within(rule.callers) && call.server.within(rule.servers);
            versions && (rule.typeids.contains(&call.typeid) || self.is_like(rule, call.exposed)) && {
                // 2.7 exposes `__next__` of iterators that have `next` alone. What nothing replaces may be there after all.
                call.exposed.is_none_or(|exposed| match rule.becomes {
                    Some(becomes) => self.all(exposed, &[becomes]),
                    None => !self.all(exposed, &[call.method]),
                })
            }
        })
    }

    /// Whether an object of any typeid is one that a rule is for: it exposes what the rule wants, and not what is called,
    /// unless the rule wants that too.
    fn is_like(&self, rule: &Rule, exposed: Option<Exposed>) -> bool {
        exposed.is_some_and(|exposed| {
            let has_it = self.all(exposed, &[rule.called]) && !rule.like.contains(&rule.called);
            !rule.like.is_empty() && self.all(exposed, &rule.like) && !has_it
        })
    }

    /// The methods that are missing in an exposed tuple although the client's stock proxies call them, and a rule makes
    /// them work.
    pub fn missing(
        &self,
        typeid: &str,
        exposed: Exposed,
        client: Pythons,
        server: Pythons,
    ) -> impl Iterator<Item = &'static str> {
        let typeid = typeid.to_string();
        let found = self.rules.iter().filter(move |rule| {
            let holds = rule.typeids.contains(&&*typeid) || self.is_like(rule, Some(exposed));
            let works = rule.becomes.is_some_and(|becomes| self.all(exposed, &[becomes]));
            let versions = client.within(rule.callers) && server.within(rule.servers);
            holds && works && versions && !self.all(exposed, &[rule.called])
        });
        found.map(|rule| rule.called)
    }

    fn all(&self, exposed: Exposed, methods: &[&str]) -> bool {
        methods.iter().all(|method| exposed.0 & self.bit(method) != 0)
    }

    fn bit(&self, method: &str) -> u64 {
        self.known.binary_search(&method).map_or(0, |place| 1 << place)
    }
}

impl Rule {
    fn parse<'a>(mut fields: impl Iterator<Item = &'static str> + 'a) -> Option<Rule> {
        let (typeids, like) = (fields.next()?, fields.next()?);
        let rule = Rule {
            typeids: table::list(typeids).collect(),
            like: table::list(like).collect(),
            called: fields.next()?,
            callers: table::span(fields.next()?)?,
            servers: table::span(fields.next()?)?,
            becomes: Some(fields.next()?).filter(|field| *field != "-"),
            how: match fields.next()? {
                "same" => How::Same,
                "slice" => How::Slice,
                "everything" => How::Everything,
                "blocking" => How::Blocking,
                "none" => How::Nothing,
                _ => return None,
            },
            remedy: Some(fields.next()?).filter(|field| *field != "-").unwrap_or(""),
        };
        Some(rule)
    }

    /// What the request becomes. One whose arguments are not those of a stock proxy stays, for the server to judge.
    pub fn rewrite(&self, graph: &mut Graph, request: &Request, server: Pythons) -> Rewriting {
        let Some(args) = graph.items(request.args) else { return Rewriting::Keep };
        let args = args.to_vec();
        let args = match (self.how, &args[..]) {
            (How::Same, _) => request.args,
            (How::Slice, &[start, stop, ref rest @ ..]) if rest.len() < 2 => {
                let slice = slice(graph, start, stop);
                let rest = rest.to_vec();
                graph.add_tuple([&[slice], &rest[..]].concat())
            }
            (How::Everything, []) => {
                let slice = slice(graph, NodeId::NONE, NodeId::NONE);
                graph.add_tuple([slice])
            }
            (How::Blocking, &[blocking, timeout]) if is_no_timeout(graph, timeout) => {
                graph.add_tuple([blocking])
            }
            (How::Blocking, [_, _]) | (How::Nothing, _) => {
                return Rewriting::NoEquivalent(self.no_equivalent(args.len(), server));
            }
            _ => return Rewriting::Keep,
        };
        let method = match self.becomes {
            Some(method) if method != self.called => graph.add_str(method),
            _ => request.method,
        };
        Rewriting::Request(Request { method, args, ..*request })
    }

    fn no_equivalent(&self, arguments: usize, server: Pythons) -> String {
        let what = if self.how == How::Blocking {
            format!("{}() with {arguments} arguments", self.called)
        } else {
            format!("{}()", self.called)
        };
        format!(
            "{what} has no equivalent in the server, which is Python {server} ({}): {}",
            self.typeids.join(", "),
            self.remedy
        )
    }
}

/// `slice(start, stop, None)`. What Python 2 hands to `__getslice__` has had the length added to it already if it was
/// negative; what is still negative stands before the start (Objects/listobject.c of 2.7, `list_slice`).
fn slice(graph: &mut Graph, start: NodeId, stop: NodeId) -> NodeId {
    let mut clamped = |id| match graph.int(id) {
        Some(..0) => graph.add_int(0),
        _ => id,
    };
    let (start, stop) = (clamped(start), clamped(stop));
    let builtins = if graph.protocol() < 3 { "__builtin__" } else { "builtins" };
    let callable = graph.add_global(builtins, "slice");
    let args = graph.add_tuple([start, stop, NodeId::NONE]);
    graph.add_object(Make::Reduce { callable, args })
}

/// None, or -1, with which `threading.Lock.acquire` waits as long as without.
fn is_no_timeout(graph: &Graph, id: NodeId) -> bool {
    match graph[id] {
        Node::None => true,
        Node::Float(value) => value == -1.0,
        _ => graph.int(id) == Some(-1),
    }
}

const TABLE: &str = include_str!("../tables/translations.tsv");

#[cfg(test)]
mod tests;
