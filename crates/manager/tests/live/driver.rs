//! A server that does no more than it must: a thread accepts, and each connection has one.

use std::collections::HashMap;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sabir_manager::server::{ConnectionId, Message, Outcome, Registered, Server};
use sabir_manager::{Address, Peer};
use sabir_net::Address as Socket;
use sabir_net::blocking::{Connection, Listener};
use sabir_pickle::{Graph, Limits, Translation};
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions};

use super::counter::{self, Counter};

pub(super) struct Driver {
    port: u16,
    shared: Arc<Shared>,
}

/// What all threads have in common.
pub(super) struct Shared {
    pub(super) server: Mutex<Server<Arc<Counter>>>,
    /// Where the replies of each connection go, whoever gives them.
    replies: Mutex<HashMap<ConnectionId, Sender<Message>>>,
    translation: Translation,
}

impl Driver {
    pub(super) fn start() -> Driver {
        let listener = Listener::bind(&Socket::Tcp { host: "127.0.0.1".into(), port: 0 }).unwrap();
        let Socket::Tcp { port, .. } = *listener.local_address() else { panic!("no port") };
        let address = Address::Inet { host: "127.0.0.1".into(), port };
        let mut server = Server::new(u64::from(port), address);
        server.register("Counter", Registered::new().returning("child", "Counter"));
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            replies: Mutex::default(),
            translation: Translation::default(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for number in 1.. {
                let Ok(stream) = listener.accept(far()) else { return };
                let shared = accepting.clone();
                thread::spawn(move || {
                    let (key, options) = (AuthKey::new(*b"secret"), AuthOptions::default());
                    let connection = Connection::accepting(stream, Config::default(), key, options, far());
                    shared.serve(ConnectionId(number), connection.unwrap());
                });
            }
        });
        Driver { port, shared }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The last connections end after their client has.
    pub(super) fn wait_until_empty(&self) {
        while self.shared.server.lock().unwrap().number_of_objects() > 0 {
            assert!(Instant::now() < far());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Shared {
    fn serve(&self, id: ConnectionId, mut connection: Connection) {
        let (sender, receiver) = mpsc::channel();
        self.replies.lock().unwrap().insert(id, sender);
        self.server.lock().unwrap().connected(id, None);
        while let Ok(Some(bytes)) = connection.recv_bytes(far()) {
            let outcome = match Graph::load(bytes, &Limits::DEFAULT) {
                Ok(graph) => {
                    let mut server = self.server.lock().unwrap();
                    let outcome = server.request(id, &graph, Peer::of(&graph));
                    counter::act(&mut server, &graph, outcome)
                }
                Err(error) => vec![self.server.lock().unwrap().unreadable(id, Peer::UNKNOWN, &error)],
            };
            let mut close = false;
            for outcome in outcome {
                match outcome {
                    Outcome::Reply(message) => self.send(message),
                    Outcome::ReplyAndClose(message) => {
                        self.send(message);
                        close = true;
                    }
                    Outcome::Nothing => {}
                    outcome => panic!("{outcome:?}"),
                }
            }
            // Who blocks waits here, and nobody else does.
            let (pickle, _) = receiver.recv().unwrap().encode(&self.translation);
            if connection.send_bytes(&pickle.into_vec(), far()).is_err() || close {
                break;
            }
        }
        let mut server = self.server.lock().unwrap();
        let _ = server.closed(id);
        self.replies.lock().unwrap().remove(&id);
    }

    fn send(&self, message: Message) {
        if let Some(reply) = self.replies.lock().unwrap().get(&message.connection) {
            reply.send(message).unwrap();
        }
    }
}

/// Far enough away that only a hang reaches it.
pub(super) fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}
