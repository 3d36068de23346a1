//! Peers that are kept between pairs, since a start costs more than a pair.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::path::{Display, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{env, fs, process};

use sabir_pickle::Version;

use crate::interpreters::Interpreter;
use crate::peer::Peer;

/// What a process may do besides: a manager's server is one process, at one address, for good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Listener, `Client`, and client of managers.
    Client,
    /// Server of a manager at this address.
    Server(String),
}

/// Names of the zoo, in its order.
pub type Names = Arc<Vec<String>>;

/// All peers that are not in use, and what is known of every version.
#[derive(Debug)]
pub struct Pool {
    interpreters: Vec<Interpreter>,
    folder: PathBuf,
    idle: Mutex<HashMap<(Version, Role), Vec<Peer>>>,
    names: Mutex<HashMap<(Version, Option<u8>), Names>>,
}

/// A peer in use. It goes back to the pool if it is fit.
#[derive(Debug)]
pub struct Lent<'a> {
    pool: &'a Pool,
    role: Role,
    peer: Option<Peer>,
}

impl Pool {
    /// An empty pool for these interpreters.
    pub fn new(interpreters: Vec<Interpreter>) -> Pool {
        static POOLS: AtomicUsize = AtomicUsize::new(0);
        let number = POOLS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("sabir-interop-{}-{number}", process::id()));
        // One that cannot be made shows as a server that does not listen.
        let _ = fs::create_dir_all(&folder);
        // With the newline that an editor leaves at the end.
        let _ = fs::write(folder.join(KEY_FILE), b"interop\n");
        Pool { interpreters, folder, idle: Mutex::default(), names: Mutex::default() }
    }

    /// Where the peers' sockets and keys are. It is there as long as the pool.
    pub fn folder(&self) -> Display<'_> {
        self.folder.display()
    }

    /// A file with the key that all peers use.
    pub fn key_file(&self) -> String {
        self.folder.join(KEY_FILE).display().to_string()
    }

    /// A peer of this version that nobody else uses.
    pub fn take(&self, version: Version, role: Role) -> Result<Lent<'_>, String> {
        let idle = lock(&self.idle).get_mut(&(version, role.clone())).and_then(Vec::pop);
        let peer = match idle {
            Some(peer) => peer,
            None => {
                let known = self.interpreters.iter().find(|known| known.python.version == version);
                let interpreter = known.ok_or_else(|| format!("no Python {version} here"))?;
                Peer::start(interpreter)
                    .map_err(|error| format!("Python {version} does not start: {error}"))?
            }
        };
        Ok(Lent { pool: self, role, peer: Some(peer) })
    }

    /// The names of the zoo that this version can pickle as its connections do, or at a protocol.
    pub fn names(&self, peer: &mut Peer, protocol: Option<u8>) -> Result<Names, String> {
        let key = (peer.version, protocol);
        if let Some(names) = lock(&self.names).get(&key) {
            return Ok(names.clone());
        }
        let answer = match protocol {
            None => peer.ask("names"),
            Some(protocol) => peer.ask(&format!("names {protocol}")),
        };
        answer.done()?;
        let names = answer.lines.into_iter().map(|(name, _)| name).filter(|name| !name.starts_with('-'));
        let names = Arc::new(names.collect::<Vec<_>>());
        lock(&self.names).insert(key, names.clone());
        Ok(names)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.idle).clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Deref for Lent<'_> {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        self.peer.as_ref().unwrap_or_else(|| unreachable!("a lent peer is there until it is dropped"))
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Peer {
        self.peer.as_mut().unwrap_or_else(|| unreachable!("a lent peer is there until it is dropped"))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(peer) = self.peer.take().filter(Peer::is_fit) {
            let key = (peer.version, self.role.clone());
            lock(&self.pool.idle).entry(key).or_default().push(peer);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const KEY_FILE: &str = "key";
