//! Futures that are dropped at any point.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use backend::{Backends, far};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use sabir_net::tokio::{Connection, Listener, ReadHalf, Stream, WriteHalf};
use sabir_wire::Config;

const ROUNDS: usize = 1000;

#[tokio::test]
async fn however_often_futures_are_dropped_no_byte_is_lost() {
    let messages = Messages::new();
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).await.unwrap();
        let client = Stream::connect(listener.local_address(), far()).await.unwrap();
        let server = listener.accept().await.unwrap();
        // Small buffers, so that much is cut.
        set_socket_send_buffer_size(&server, 16 * 1024).unwrap();
        set_socket_recv_buffer_size(&client, 16 * 1024).unwrap();
        let (reading, _ours) = Connection::new(client, Config::default()).split();
        let (_theirs, writing) = Connection::new(server, Config::default()).split();
        let ((), ()) = tokio::join!(send(writing, &messages), receive(reading, &messages));
    }
}

async fn send(mut writing: WriteHalf, messages: &Messages) {
    let (mut random, mut dropped, mut cut) = (Random(1), 0, 0);
    for n in 0..ROUNDS {
        let message = messages.get(n);
        let (head, tail) = message.split_at(random.below(message.len() + 1));
        // Until one of them is finished, or has begun.
        let begun = loop {
            let sending = async {
                match n % 3 {
                    0 => writing.send_bytes(message, far()).await,
                    1 => writing.send_vectored(&[head, tail], far()).await,
                    _ => writing.queue_bytes(message, far()).await,
                }
            };
            match give_up(sending, &mut random).await {
                Some(sent) => {
                    sent.unwrap();
                    break false;
                }
                None if writing.queued() > 0 => break true,
                None => dropped += 1,
            }
        };
        cut += u32::from(begun);
        while begun && writing.queued() > 0 {
            if let Some(flushed) = give_up(writing.flush(far()), &mut random).await {
                flushed.unwrap();
            }
            dropped += 1;
        }
        // So that what is queued now is never mistaken for a message that has begun.
        writing.flush(far()).await.unwrap();
    }
    assert!(dropped > 100 && cut > 50, "only {dropped} were dropped, and {cut} half-way");
    writing.shutdown_write(far()).await.unwrap();
}

async fn receive(mut reading: ReadHalf, messages: &Messages) {
    let (mut random, mut dropped) = (Random(2), 0);
    let mut buffer = vec![0; LONGEST];
    for n in 0..ROUNDS {
        let expected = messages.get(n);
        loop {
            if random.below(2) == 0 {
                let Some(received) = give_up(reading.recv_bytes(far()), &mut random).await else {
                    dropped += 1;
                    continue;
                };
                assert!(received.unwrap().unwrap() == expected, "message {n}");
            } else {
                let receiving = reading.recv_bytes_into(&mut buffer, far());
                let Some(received) = give_up(receiving, &mut random).await else {
                    dropped += 1;
                    buffer.fill(0xee);
                    continue;
                };
                let length = received.unwrap().unwrap();
                assert!(&buffer[..length] == expected, "message {n}");
            }
            break;
        }
        if give_up(reading.poll(Duration::from_millis(1)), &mut random).await.is_none() {
            dropped += 1;
        }
    }
    assert!(dropped > 100, "only {dropped} were dropped");
    assert!(reading.recv_bytes(far()).await.unwrap().is_none());
}

/// Polls a future a random number of times, or for a random time, and then drops it.
async fn give_up<F: Future>(future: F, random: &mut Random) -> Option<F::Output> {
    let future = pin!(future);
    if random.below(10) == 0 {
        let patience = Duration::from_micros(random.below(2000) as u64);
        return tokio::time::timeout(patience, future).await.ok();
    }
    Polls { future, left: random.below(6) }.await
}

struct Polls<'a, F> {
    future: Pin<&'a mut F>,
    left: usize,
}

impl<F: Future> Future for Polls<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        let done = self.future.as_mut().poll(context).map(Some);
        if done.is_pending() && self.left == 0 {
            // Gives the other side its turn first.
            context.waker().wake_by_ref();
        }
        done
    }
}

/// Long and short pieces of one row of bytes, so that one that is lost or doubled shows.
struct Messages(Vec<u8>);

impl Messages {
    fn new() -> Self {
        let mut random = Random(3);
        Self((0..LONGEST + ROUNDS).map(|_| random.below(256) as u8).collect())
    }

    fn get(&self, n: usize) -> &[u8] {
        let length = match n % 4 {
            0 => n % 7,
            1 => 10_000 + n,
            2 => 70_000 + 13 * n,
            _ => LONGEST - n,
        };
        &self.0[n..n + length]
    }
}

const LONGEST: usize = 400_000;

/// Marsaglia's xorshift32.
struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % n
    }
}
