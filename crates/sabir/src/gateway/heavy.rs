//! Long messages are rewritten beside the runtime, so that short ones never wait for them.
//!
//! Threads of our own and not the runtime's: one of those would keep a gateway from stopping for as
//! long as it works.

use std::sync::Arc;
use std::{io, thread};

use sabir_pickle::Lexer;
use tokio::sync::{Semaphore, oneshot};

/// As many long messages are in work at once as there are cores; the others wait for their turn.
#[derive(Debug)]
pub(super) struct Heavy {
    turns: Arc<Semaphore>,
}

impl Heavy {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Arc::new(Semaphore::new(cores)) }
    }

    /// Does the work on a thread, and waits for it.
    ///
    /// # Errors
    /// If the system has no thread left, or the work panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let turn = self.turns.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (done, result) = oneshot::channel();
        thread::Builder::new().name("sabir-rewrite".to_owned()).spawn(move || {
            let _turn = turn;
            // Nobody waits any more if the connection was closed meanwhile.
            let _ = done.send(work());
        })?;
        result.await.map_err(|_| io::Error::other("the thread that rewrote it panicked"))
    }
}

/// Whether rewriting a message may take longer than a thread takes to start, by far.
pub(super) fn is_heavy(body: &[u8]) -> bool {
    body.len() >= LONG
        || body.len() >= MANY && Lexer::new(body).take(MANY).take_while(Result::is_ok).count() == MANY
}

/// Opcodes of one message: some milliseconds of work.
const MANY: usize = 16 * 1024;
/// In bytes, however few opcodes they are.
const LONG: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_opcodes_are_heavy_and_long_texts_are_not() {
        let many = [&b"\x80\x02("[..], &[b'N'; MANY], b"t."].concat();
        assert!(is_heavy(&many));
        let text = [&b"\x80\x02X\0\0\x02\0"[..], &[b'x'; 0x2_0000], b"."].concat();
        assert!(!is_heavy(&text));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_gives_its_turn_back() {
        let heavy = Heavy { turns: Arc::new(Semaphore::new(1)) };
        heavy.run(|| panic!("as asked")).await.expect_err("it panicked");
        assert_eq!(heavy.run(|| 7).await.expect("it is done"), 7);
    }

    /// It would never end if the runtime, which has this one thread, did the work itself.
    #[tokio::test]
    async fn the_runtime_goes_on_meanwhile() {
        let (go, wait) = std::sync::mpsc::channel();
        let heavy = Heavy::new();
        let work = heavy.run(move || wait.recv());
        let other = async { go.send(()).expect("it waits") };
        assert_eq!(tokio::join!(work, other).0.expect("it is done"), Ok(()));
    }
}
