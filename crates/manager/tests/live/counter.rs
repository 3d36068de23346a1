//! The one type that the server shares.

use std::sync::{Arc, Mutex};

use sabir_manager::exception;
use sabir_manager::server::{Call, CallResult, Fallback, Ident, Made, MethodNames, Outcome, Server, Ticket};
use sabir_pickle::{Graph, Node, NodeId};

#[derive(Debug, Default)]
pub(super) struct Counter {
    value: Mutex<i64>,
    /// Another counter that was put into this one, and is held for it.
    kept: Mutex<Option<Ident>>,
    /// Who waits for which value.
    waiting: Mutex<Vec<(i64, Ticket)>>,
}

type Handles = Server<Arc<Counter>>;

/// Does what an outcome asks for, and all that follows from it.
pub(super) fn act(
    server: &mut Handles,
    graph: &Graph,
    outcome: Outcome<Arc<Counter>>,
) -> Vec<Outcome<Arc<Counter>>> {
    let outcomes = match outcome {
        Outcome::Create(create) => {
            let made = match create.args.first().map(|&arg| graph.int(arg)) {
                Some(Some(value)) => Ok(new(value)),
                _ => Err(type_error("a number is wanted")),
            };
            vec![server.created(create.ticket, made)]
        }
        Outcome::Call(call) => call_method(server, graph, &call),
        Outcome::Describe { ticket, objects } => {
            let texts: Vec<String> = objects.iter().map(|counter| counter.text()).collect();
            vec![server.described(ticket, &texts)]
        }
        outcome => vec![outcome],
    };
    // What is dropped may hold others.
    loop {
        let dropped = server.take_dropped();
        if dropped.is_empty() {
            return outcomes;
        }
        for counter in dropped {
            if let Some(kept) = counter.kept.lock().unwrap().take() {
                server.release(kept).unwrap();
            }
        }
    }
}

fn call_method(server: &mut Handles, graph: &Graph, call: &Call<Arc<Counter>>) -> Vec<Outcome<Arc<Counter>>> {
    let counter = &call.object;
    let (first, by) = (call.args.first().copied(), keyword(graph, call.kwargs, "by"));
    let result = match (&*call.method, call.fallback) {
        (_, Some(Fallback::Str | Fallback::Repr)) => {
            let text = counter.text();
            CallResult::Returned(value(|graph| graph.add_str(&text)))
        }
        (_, Some(Fallback::GetValue)) => {
            let number = *counter.value.lock().unwrap();
            CallResult::Returned(value(|graph| graph.add_int(number)))
        }
        ("add", _) => {
            let Some(by) = first.or(by).filter(|_| call.args.len() < 2).and_then(|by| graph.int(by)) else {
                return vec![
                    server.finished(call.ticket, CallResult::Raised(type_error("add() takes a number"))),
                ];
            };
            let number = {
                let mut value = counter.value.lock().unwrap();
                *value += by;
                *value
            };
            let (reached, still) =
                counter.waiting.lock().unwrap().drain(..).partition(|(wanted, _)| number >= *wanted);
            *counter.waiting.lock().unwrap() = still;
            let reached: Vec<(i64, Ticket)> = reached;
            let tickets = reached.into_iter().map(|(_, ticket)| ticket).chain([call.ticket]);
            let result = || CallResult::Returned(value(|graph| graph.add_int(number)));
            return tickets.map(|ticket| server.finished(ticket, result())).collect();
        }
        ("wait_for", _) => {
            let wanted = first.and_then(|wanted| graph.int(wanted)).unwrap();
            counter.waiting.lock().unwrap().push((wanted, call.ticket));
            return Vec::new();
        }
        ("fail", _) => {
            let text = first.and_then(|text| graph.text(text)).unwrap();
            CallResult::Raised(exception::raised("builtins", "ValueError", &[text]))
        }
        ("texts", _) => {
            let mut reply = graph.clone();
            let list = reply.add(Node::List(call.args.clone()));
            reply.set_root(list);
            CallResult::Returned(reply)
        }
        ("child", _) => CallResult::Shared { typeid: call.returns.clone().unwrap(), made: new(0) },
        ("keep", _) => {
            let kept = first.and_then(|proxy| server.own_reference(graph, proxy)).unwrap();
            server.hold(kept).unwrap();
            *counter.kept.lock().unwrap() = Some(kept);
            CallResult::Returned(value(|_| NodeId::NONE))
        }
        ("kept", _) => {
            let kept = counter.kept.lock().unwrap().unwrap();
            // Any connection: they all found the server at the same address.
            let connection = sabir_manager::server::ConnectionId(0);
            CallResult::Returned(value(|graph| server.proxy(connection, graph, kept).unwrap()))
        }
        ("absent", _) => CallResult::NoMethod,
        (method, _) => panic!("{method} is not exposed"),
    };
    vec![server.finished(call.ticket, result)]
}

impl Counter {
    fn text(&self) -> String {
        format!("Counter({})", self.value.lock().unwrap())
    }
}

fn new(value: i64) -> Made<Arc<Counter>> {
    let object = Arc::new(Counter { value: Mutex::new(value), ..Counter::default() });
    let public: MethodNames =
        ["absent", "add", "child", "fail", "keep", "kept", "texts", "wait_for"].map(Arc::from).into();
    Made::New { object, public }
}

fn keyword(graph: &Graph, kwargs: NodeId, name: &str) -> Option<NodeId> {
    let Node::Dict(pairs) = &graph[kwargs] else { return None };
    pairs.iter().find(|&&(key, _)| graph.text(key) == Some(name)).map(|&(_, value)| value)
}

fn value(root: impl FnOnce(&mut Graph) -> NodeId) -> Graph {
    let mut graph = Graph::new();
    graph.set_protocol(4);
    let root = root(&mut graph);
    graph.set_root(root);
    graph
}

fn type_error(text: &str) -> Graph {
    exception::raised("builtins", "TypeError", &[text])
}
