//! What every test of a backend needs: an address of each kind, and a deadline.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use sabir_net::Address;

/// One address of each kind that this system has.
pub(crate) struct Backends {
    pub(crate) addresses: Vec<Address>,
    _directory: Directory,
}

impl Backends {
    pub(crate) fn new() -> Self {
        let directory = Directory::new();
        let mut addresses = vec![tcp(), Address::Unix(directory.join("listener"))];
        if cfg!(target_os = "linux") {
            addresses.push(Address::Abstract(unique().into_bytes()));
        }
        Self { addresses, _directory: directory }
    }
}

/// A free port on this machine.
pub(crate) fn tcp() -> Address {
    Address::Tcp { host: "127.0.0.1".into(), port: 0 }
}

/// A directory of a test's own, removed with what is in it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(unique());
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // It may hold what a failed test has left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Far enough away that only a hang reaches it.
pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// Near enough to be waited for.
pub(crate) fn near() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("sabir-net-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
