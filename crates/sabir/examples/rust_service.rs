//! A Rust service that Python programs use as a manager: `cargo run -p sabir --features server --example rust_service`.
//!
//! ```python
//! from multiprocessing.managers import BaseManager
//! class Service(BaseManager): pass
//! Service.register('Words')
//! service = Service(('127.0.0.1', PORT), b'secret'); service.connect()
//! words = service.Words()
//! words.add('ahoy'); words.count('ahoy'); words.next_word()  # waits for another client's add
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sabir::Context;
use sabir::server::{Exception, Server};
use tokio::sync::Notify;

/// What all clients share.
#[derive(Default)]
struct Words {
    state: Mutex<(HashMap<String, u64>, VecDeque<String>)>,
    added: Notify,
}

#[sabir::shared]
impl Words {
    /// Adds a word, and gives how often it was added.
    fn add(&self, word: String) -> u64 {
        let count = self.with(|counts, fresh| {
            fresh.push_back(word.clone());
            let count = counts.entry(word).or_default();
            *count += 1;
            *count
        });
        self.added.notify_one();
        count
    }

    /// How often a word was added.
    fn count(&self, word: String) -> Result<u64, Exception> {
        self.with(|counts, _| counts.get(&word).copied()).ok_or_else(|| Exception::key_error(&word))
    }

    /// Waits for a word that nobody has had yet. While it waits it holds no thread.
    async fn next_word(&self) -> String {
        loop {
            if let Some(word) = self.with(|_, fresh| fresh.pop_front()) {
                return word;
            }
            self.added.notified().await;
        }
    }

    #[sabir(skip)]
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, u64>, &mut VecDeque<String>) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, fresh) = &mut *state;
        act(counts, fresh)
    }
}

fn main() -> sabir::Result<()> {
    let context = Context::new().authkey(b"secret");
    let mut server = Server::new(&context);
    server.share("Words", std::sync::Arc::new(Words::default()));
    let running = server.start("127.0.0.1:0")?;
    println!("listening on {}", running.address());
    // Until a client calls shutdown.
    running.join()
}
