//! The processes at the other ends of Unix sockets, and their ends.

use std::collections::HashSet;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::state::State;

/// Those whose end is waited for.
#[derive(Debug, Default)]
pub(super) struct Processes(Mutex<HashSet<u32>>);

impl Processes {
    /// Waits for the end of the process from now on, if nobody does yet: what references it has left go then. Says whether
    /// its end is known, or will be; if not, nothing can be held to be its.
    pub(super) fn watch(&self, state: &Arc<State>, process: u32) -> bool {
        let mut watched = self.lock();
        if watched.contains(&process) {
            return true;
        }
        match end_of(process) {
            Ok(end) => {
                watched.insert(process);
                let state = Arc::clone(state);
                tokio::spawn(async move {
                    tokio::select! {
                        () = end => {}
                        () = state.stop.wait() => return,
                    }
                    state.processes.lock().remove(&process);
                    state.process_ended(process);
                });
                true
            }
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }

    /// Whether its end is still to come.
    pub(super) fn are_watching(&self, process: u32) -> bool {
        self.lock().contains(&process)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Comes when the process has ended. A descriptor of it cannot come to mean another process, as a number can.
#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "tokio has no other way to wait for a descriptor of a kind that it does not know"
)]
fn end_of(process: u32) -> io::Result<impl Future<Output = ()>> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    let none = || io::Error::from(ErrorKind::NotFound);
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or_else(none)?;
    // No such process: it has ended.
    let process = pidfd_open(pid, PidfdFlags::NONBLOCK)
        .map_err(|error| if error == rustix::io::Errno::SRCH { none() } else { error.into() })?;
    // SAFETY: an `OwnedFd` names the same open descriptor until it is dropped, which `AsyncFd` does last.
    let process = unsafe { AsyncFd::register_with_interest(process, Interest::READABLE) }?;
    Ok(async move {
        // An error means that the runtime ends.
        let _ = process.readable().await;
    })
}

#[cfg(not(target_os = "linux"))]
fn end_of(_: u32) -> io::Result<std::future::Pending<()>> {
    Err(ErrorKind::Unsupported.into())
}
