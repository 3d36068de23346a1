//! What is said to a server, as bytes that were made before: a stock client's call of one method, or Redis's own.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Stream};
use sabir::pickle::Graph;
use sabir::wire::Config;
use sabir::{Address, AuthKey};

use crate::Outcome;

/// The key of every server that has one.
pub(crate) const KEY: &str = "bench";

/// How a server is spoken to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Speech {
    /// As a client of a manager does, authentication included.
    Manager,
    /// The same bytes, to whom they mean nothing.
    Bare,
    Redis,
}

impl Speech {
    pub(crate) fn of(name: &str) -> Outcome<Speech> {
        match name {
            "manager" => Ok(Speech::Manager),
            "bare" => Ok(Speech::Bare),
            "redis" => Ok(Speech::Redis),
            _ => Err(format!("nobody speaks {name}").into()),
        }
    }

    /// A connection on which calls can be made.
    pub(crate) fn connect(self, address: &Address) -> Outcome<Stream> {
        if self != Speech::Manager {
            return patiently(address);
        }
        let mut connection = authenticated(address)?;
        answer(&mut connection, &pickle(None, "accept_connection", &["load"]))?;
        Ok(Stream::from_tcp(connection.as_fd().try_clone_to_owned()?.into())?)
    }

    /// Puts a value where calls find it, and gives the call that gets it.
    pub(crate) fn prepare(self, address: &Address) -> Outcome<Vec<u8>> {
        match self {
            Speech::Bare => Ok(framed(&pickle(Some(IDENT), "get", &["key-0001"]))),
            Speech::Redis => {
                let mut stream = patiently(address)?;
                say(&mut stream, b"*3\r\n$3\r\nSET\r\n$8\r\nkey-0001\r\n$5\r\n12345\r\n")?;
                Ok(b"*2\r\n$3\r\nGET\r\n$8\r\nkey-0001\r\n".to_vec())
            }
            Speech::Manager => {
                let ident = create(address, "dict")?;
                let mut connection = authenticated(address)?;
                answer(&mut connection, &pickle(None, "accept_connection", &["seed"]))?;
                answer(&mut connection, &pickle(Some(&ident), "__setitem__", &["key-0001", "12345"]))?;
                Ok(framed(&pickle(Some(&ident), "get", &["key-0001"])))
            }
        }
    }
}

/// An object of a type, made by a manager's server; it is counted until the server ends.
pub(crate) fn create(address: &Address, typeid: &str) -> Outcome<String> {
    let reply = answer(&mut authenticated(address)?, &pickle(None, "create", &[typeid]))?;
    let graph = Graph::from_slice(&reply)?;
    let ident = graph.items(graph.root()).and_then(|reply| graph.items(*reply.get(1)?)?.first().copied());
    Ok(ident.and_then(|ident| graph.text(ident)).ok_or("the reply names no object")?.to_owned())
}

/// A connection to a manager's server, which waits for the name of a function.
pub(crate) fn authenticated(address: &Address) -> Outcome<Connection> {
    let stream = patiently(address)?;
    let key = AuthKey::new(KEY.as_bytes());
    Ok(Connection::connecting(stream, Config::default(), key, Default::default(), PATIENCE)?)
}

/// What is answered, if it is a value.
pub(crate) fn answer(connection: &mut Connection, request: &[u8]) -> Outcome<Vec<u8>> {
    connection.send_bytes(request, PATIENCE)?;
    let reply = connection.recv_bytes(PATIENCE)?.ok_or("the server has closed the connection")?;
    if !reply.windows(7).any(|window| window == b"#RETURN") {
        return Err(format!("the server answers: {}", reply.escape_ascii()).into());
    }
    Ok(reply.to_vec())
}

/// `(ident, method, args, {})` with texts as arguments, byte for byte as the pickler of 3.8 and newer writes it.
pub(crate) fn pickle(ident: Option<&str>, method: &str, args: &[&str]) -> Vec<u8> {
    let mut body = vec![b'('];
    let text = |body: &mut Vec<u8>, text: &str| {
        body.extend_from_slice(&[0x8c, text.len() as u8]);
        body.extend_from_slice(text.as_bytes());
        body.push(0x94);
    };
    match ident {
        Some(ident) => text(&mut body, ident),
        None => body.push(b'N'),
    }
    text(&mut body, method);
    for arg in args {
        text(&mut body, arg);
    }
    // A tuple of one or two.
    body.extend_from_slice(&[if args.len() == 1 { 0x85 } else { 0x86 }, 0x94]);
    body.extend_from_slice(b"}\x94t\x94.");
    let mut pickle = vec![0x80, 4, 0x95];
    pickle.extend_from_slice(&(body.len() as u64).to_le_bytes());
    pickle.extend_from_slice(&body);
    pickle
}

pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

/// Connects to a server that may be about to start.
fn patiently(address: &Address) -> Outcome<Stream> {
    let end = Instant::now() + PATIENCE;
    loop {
        match Stream::connect(address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > end => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn say(stream: &mut Stream, bytes: &[u8]) -> Outcome {
    stream.write_all(&mut [std::io::IoSlice::new(bytes)], PATIENCE)?;
    let mut reply = bytes::BytesMut::with_capacity(64);
    stream.read(&mut reply, PATIENCE)?;
    if reply.starts_with(b"+OK") { Ok(()) } else { Err(format!("Redis answers {reply:?}").into()) }
}

const PATIENCE: Duration = Duration::from_secs(10);
/// Of an object that is nowhere, as long as one that is.
const IDENT: &str = "000000007f0e686d000001";
