//! One client's connection: a request, its reply, the next request.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use sabir_manager::Peer;
use sabir_manager::server::{Call, CallResult, ConnectionId, Create, Fallback, Message, Outcome, Ticket};
use sabir_net::Deadline;
use sabir_net::tokio::{Connection, Stream};
use sabir_pickle::Graph;
use tokio::sync::watch;

use super::object::{Return, Returned};
use super::state::{State, place};
use super::{Arguments, Exception, Shared};
use crate::channel::config;

type Object = Arc<dyn Shared>;

/// Serves a client until it goes or breaks the protocol. What goes wrong with it is nobody else's affair.
pub(super) async fn serve(state: Arc<State>, number: u64, stream: Stream, end: Arc<watch::Sender<bool>>) {
    let here = stream.local_address().ok().flatten().map(|address| place(&address));
    let Some(connection) = authenticated(&state, stream).await else { return };
    let id = ConnectionId(number);
    state.with(|objects| objects.server.connected(id, here));
    let mut client = Client { state, id, connection, due: None };
    while let Some(next) = client.request().await {
        match next {
            Next::Request => {}
            Next::Close => break,
            Next::Shutdown => {
                // The server may be ending already.
                let _ = end.send(true);
                break;
            }
        }
    }
}

async fn authenticated(state: &State, stream: Stream) -> Option<Connection> {
    let settings = state.context.settings();
    let config = config(&state.context);
    match &settings.authkey {
        None => Some(Connection::new(stream, config)),
        Some(key) => {
            let timeout = settings.timeouts.handshake;
            // It has been told what was wrong, where the protocol can say it.
            Connection::accepting(stream, config, key.clone(), settings.auth, timeout).await.ok()
        }
    }
}

/// A client, and what is due to it.
struct Client {
    state: Arc<State>,
    id: ConnectionId,
    connection: Connection,
    /// What an object is doing for it.
    due: Option<Ticket>,
}

/// How it goes on.
enum Next {
    Request,
    Close,
    Shutdown,
}

impl Client {
    /// Reads a request and answers it; nothing if the client is gone.
    async fn request(&mut self) -> Option<Next> {
        let message = self.connection.recv_bytes(Deadline::NEVER).await.ok()??;
        let graph = self.state.load(&message);
        let mut outcome = self.state.with(|objects| match &graph {
            Ok(graph) => objects.server.request(self.id, graph, Peer::of(graph)),
            Err(error) => objects.server.unreadable(self.id, Peer::UNKNOWN, error),
        });
        let mut graph = graph.ok();
        loop {
            outcome = match outcome {
                Outcome::Reply(message) => return self.send(message).await.then_some(Next::Request),
                Outcome::ReplyAndClose(message) => {
                    self.send(message).await;
                    return Some(Next::Close);
                }
                Outcome::Shutdown(message) => {
                    self.send(message).await;
                    return Some(Next::Shutdown);
                }
                Outcome::Create(create) => self.create(create, graph.take()?),
                Outcome::Call(call) => self.call(call, graph.take()?).await?,
                Outcome::Describe { ticket, objects } => {
                    let texts: Vec<String> = objects.iter().map(|object| object.text()).collect();
                    self.state.with(|objects| objects.server.described(ticket, &texts))
                }
                _ => return Some(Next::Close),
            };
        }
    }

    fn create(&mut self, create: Create, graph: Graph) -> Outcome<Object> {
        let Create { ticket, typeid, args, kwargs, .. } = create;
        let mut arguments = Arguments::new(graph, &self.state, &typeid, args, kwargs);
        let made = match self.state.maker(&typeid) {
            Some(make) => caught(&typeid, || {
                let object = make(&mut arguments)?;
                arguments.end()?;
                Ok(object)
            }),
            // Of a type that is only what methods return; CPython would share the argument itself.
            None => Err(Exception::type_error(format!("clients cannot create a {typeid}"))),
        };
        self.state.with(|objects| match made {
            Err(exception) => objects.server.created(ticket, Err(exception.into_graph())),
            Ok(object) => {
                let made = objects.made(Arc::clone(&object));
                let outcome = objects.server.created(ticket, Ok(made));
                objects.note_granted(&object, &outcome);
                outcome
            }
        })
    }

    /// Calls a method, and waits for it or for the end of the client: nothing if that comes first.
    async fn call(&mut self, call: Call<Object>, graph: Graph) -> Option<Outcome<Object>> {
        let Call { ticket, object, method, fallback, args, kwargs, .. } = call;
        self.due = Some(ticket);
        let result = match fallback {
            Some(Fallback::Str | Fallback::Repr) => Return::value(&object.text()),
            Some(Fallback::GetValue) => Err(Exception::type_error(format!(
                "cannot pickle {}: it lives in a Rust program",
                object.text()
            ))),
            None => {
                let arguments = Arguments::new(graph, &self.state, &method, args, kwargs);
                let mut called = pin!(quiet(&method, object.call(&method, arguments)));
                tokio::select! {
                    biased;
                    result = &mut called => result,
                    // The end of the client, or bytes that nobody asked for.
                    _ = self.connection.recv_bytes(Deadline::NEVER) => return None,
                }
            }
        };
        self.due = None;
        Some(self.state.with(|objects| {
            let (result, object) = match result {
                Ok(Return(Returned::Value(graph))) => (CallResult::Returned(graph), None),
                Ok(Return(Returned::Object(kept))) => {
                    let object = Arc::clone(&kept.object);
                    let (typeid, made) = objects.kept(kept);
                    (CallResult::Shared { typeid, made }, Some(object))
                }
                Err(exception) => (CallResult::Raised(exception.into_graph()), None),
            };
            let outcome = objects.server.finished(ticket, result);
            if let Some(object) = &object {
                objects.note_granted(object, &outcome);
            }
            outcome
        }))
    }

    /// Sends a reply; what it hands over is taken back if it does not arrive.
    async fn send(&mut self, message: Message) -> bool {
        let (connection, granted) = (message.connection, message.grants);
        let (pickle, broken) = message.encode(self.state.translation());
        let pieces: Vec<&[u8]> = pickle.iter().collect();
        let timeout = self.state.context.settings().timeouts.send;
        let sent = self.connection.send_vectored(&pieces, timeout).await.is_ok();
        if let Some(granted) = granted
            && (!sent || broken.is_some())
        {
            self.state.with(|objects| objects.server.undelivered(connection, granted));
        }
        sent
    }
}

/// However a connection ends, the server hears of it, and nothing stays due.
impl Drop for Client {
    fn drop(&mut self) {
        let Client { state, id, due, .. } = self;
        state.with(|objects| {
            objects.server.closed(*id);
            if let Some(ticket) = due.take() {
                objects.server.finished(ticket, CallResult::NoMethod);
            }
        });
    }
}

/// What a method comes to, a panic as an exception.
async fn quiet(
    method: &str,
    called: impl Future<Output = Result<Return, Exception>>,
) -> Result<Return, Exception> {
    let mut called = pin!(called);
    poll_fn(|context| {
        // What panicked is not polled again, and an object that is shared guards itself against broken states.
        match catch_unwind(AssertUnwindSafe(|| called.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(result),
            Err(panic) => Poll::Ready(Err(panicked(method, &*panic))),
        }
    })
    .await
}

fn caught<T>(what: &str, make: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| Err(panicked(what, &*panic)))
}

fn panicked(what: &str, panic: &(dyn Any + Send)) -> Exception {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Exception::runtime_error(format!("{what} panicked: {text}"))
}
