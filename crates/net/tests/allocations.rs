//! What a connection allocates. Alone in its file, since the allocator is the process's own.
#![cfg(unix)]
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; it hands on to the system's")]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use backend::{Backends, far};
use bytes::Bytes;
use sabir_net::blocking::{Connection, Listener, Stream};
use sabir_net::{Deadline, tokio as asynchronous};
use sabir_wire::Config;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: as `System`, whose methods are called with what is given.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends allocates uncounted.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller has it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller has it.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn a_steady_ping_pong_allocates_nothing() {
    over_every_backend(|mut one, mut other| {
        for length in [0, 1, 1000, 16_000, 60_000] {
            let message = vec![7; length];
            let mut ping_pong = |rounds| {
                for _ in 0..rounds {
                    one.send_bytes(&message, far()).unwrap();
                    let received = other.recv_bytes(far()).unwrap().unwrap();
                    other.send_bytes(&received, far()).unwrap();
                    assert_eq!(one.recv_bytes(far()).unwrap().unwrap().len(), length);
                }
            };
            ping_pong(20);
            assert_eq!(allocations(|| ping_pong(100)), 0, "{length} bytes");
        }
    });
}

#[test]
fn who_still_holds_the_last_message_pays_for_a_buffer_now_and_then() {
    over_every_backend(|mut one, mut other| {
        let mut last = Bytes::new();
        let counted = allocations(|| {
            for n in 0..1000_u32 {
                one.send_bytes(&n.to_be_bytes(), far()).unwrap();
                let next = other.recv_bytes(far()).unwrap().unwrap();
                assert_eq!(next, n.to_be_bytes()[..]);
                last = next;
            }
        });
        assert!(counted < 30, "{counted}");
        drop(last);
    });
}

#[test]
fn receiving_into_a_buffer_allocates_nothing_whatever_the_length() {
    over_every_backend(|mut one, mut other| {
        let message = vec![7; 150_000];
        let mut buffer = vec![0; 150_000];
        let mut round = || {
            one.send_bytes(&message, far()).unwrap();
            assert_eq!(other.recv_bytes_into(&mut buffer, far()).unwrap(), Some(150_000));
        };
        (0..10).for_each(|_| round());
        assert_eq!(allocations(|| (0..20).for_each(|_| round())), 0);
    });
}

#[test]
fn a_steady_stream_of_queued_messages_allocates_nothing() {
    over_every_backend(|mut one, mut other| {
        let mut stream = |writes: usize| {
            for _ in 0..writes {
                // A write each, as many as fit into it.
                while one.queued() <= 64 * 1024 - 104 {
                    one.queue_bytes(&[7; 100], far()).unwrap();
                }
                one.flush(far()).unwrap();
                for _ in 0..630 {
                    assert_eq!(other.recv_bytes(far()).unwrap().unwrap().len(), 100);
                }
            }
        };
        stream(5);
        assert_eq!(allocations(|| stream(10)), 0);
    });
}

#[tokio::test]
async fn a_steady_ping_pong_of_tasks_allocates_nothing() {
    let (mut one, mut other) = asynchronous::Connection::pair(Config::default()).unwrap();
    let message = vec![7; 1000];
    let mut before = 0;
    for round in 0..300 {
        // By then the runtime has what it needs, too.
        if round == 200 {
            before = ALLOCATIONS.get();
        }
        one.send_bytes(&message, Deadline::NEVER).await.unwrap();
        let received = other.recv_bytes(Deadline::NEVER).await.unwrap().unwrap();
        other.send_bytes(&received, Deadline::NEVER).await.unwrap();
        assert_eq!(one.recv_bytes(Deadline::NEVER).await.unwrap().unwrap().len(), 1000);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

fn over_every_backend(mut test: impl FnMut(Connection, Connection)) {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).unwrap();
        let client = Stream::connect(listener.local_address(), far()).unwrap();
        let server = listener.accept(far()).unwrap();
        test(Connection::new(client, Config::default()), Connection::new(server, Config::default()));
    }
}
