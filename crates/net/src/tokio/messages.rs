//! Messages over a stream: what a connection and its halves have in common.

use std::future::poll_fn;
use std::io;
use std::ops::Deref;
use std::os::fd::AsFd as _;
use std::task::Poll;

use ::tokio::io::Interest;
use ::tokio::task::consume_budget;
use bytes::Bytes;
use rustix::net::{RecvFlags, SendFlags};
use sabir_wire::frame::FrameDialect;

use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::inbox::Inbox;
use crate::outbox::{Outbox, Sending};
use crate::receive::peek;
use crate::socket;
use crate::tokio::{Stream, by};

pub(super) async fn recv_bytes(
    stream: &Stream,
    inbox: &mut Inbox,
    deadline: Deadline,
) -> Result<Option<Bytes>, Error> {
    by(deadline, Doing::Receiving, next_message(stream, inbox)).await?
}

pub(super) async fn recv_bytes_into(
    stream: &Stream,
    inbox: &mut Inbox,
    buffer: &mut [u8],
    deadline: Deadline,
) -> Result<Option<usize>, Error> {
    by(deadline, Doing::Receiving, next_message_into(stream, inbox, buffer)).await?
}

/// Waits for one byte that belongs to no message.
pub(super) async fn recv_unframed(
    stream: &Stream,
    inbox: &mut Inbox,
    deadline: Deadline,
) -> Result<u8, Error> {
    let receiving = async {
        loop {
            match inbox.next_unframed()? {
                Poll::Ready(byte) => return Ok(byte),
                Poll::Pending => fill(stream, inbox).await?,
            }
        }
    };
    by(deadline, Doing::PassingHandle, receiving).await?
}

/// Waits until there is something to receive.
pub(super) async fn readable(stream: &Stream, inbox: &Inbox) -> Result<(), Error> {
    while !inbox.is_ready() {
        // That the socket was readable a while ago is no sign that it still is.
        match stream.try_io(Interest::READABLE, || peek(stream.as_fd())) {
            Ok(()) => break,
            Err(error) => pause(stream, error, Doing::Receiving, inbox.wants_acknowledgement()).await?,
        }
    }
    Ok(())
}

pub(super) async fn poll(stream: &Stream, inbox: &Inbox, deadline: Deadline) -> Result<bool, Error> {
    match by(deadline, Doing::Receiving, readable(stream, inbox)).await {
        Ok(readable) => readable.map(|()| true),
        Err(_) => Ok(false),
    }
}

pub(super) async fn send_vectored<P: Deref<Target = [u8]>>(
    stream: &Stream,
    outbox: &mut Outbox,
    dialect: FrameDialect,
    pieces: &[P],
    deadline: Deadline,
) -> Result<(), Error> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let header = dialect.header(length as u64).map_err(sabir_wire::Error::from)?;
    transmit(stream, outbox.message(header, pieces), deadline).await
}

pub(super) async fn queue_bytes(
    stream: &Stream,
    outbox: &mut Outbox,
    dialect: FrameDialect,
    message: &[u8],
    deadline: Deadline,
) -> Result<(), Error> {
    if !Outbox::suits(message.len()) {
        return send_vectored(stream, outbox, dialect, &[message], deadline).await;
    }
    let header = dialect.header(message.len() as u64).map_err(sabir_wire::Error::from)?;
    if !outbox.has_room(header.len() + message.len()) {
        flush(stream, outbox, Doing::WaitingToSend, deadline).await?;
    }
    outbox.push(&header);
    outbox.push(message);
    Ok(())
}

/// Writes what is queued; `doing` is what a timeout interrupts.
pub(super) async fn flush(
    stream: &Stream,
    outbox: &mut Outbox,
    doing: Doing,
    deadline: Deadline,
) -> Result<(), Error> {
    transmit(stream, outbox.flush(), deadline).await.map_err(|error| match error {
        Error::Timeout { .. } => Error::Timeout { doing },
        error => error,
    })
}

async fn next_message(stream: &Stream, inbox: &mut Inbox) -> Result<Option<Bytes>, Error> {
    loop {
        match inbox.next_message()? {
            Poll::Ready(message) => return Ok(message),
            Poll::Pending => fill(stream, inbox).await?,
        }
    }
}

async fn next_message_into(
    stream: &Stream,
    inbox: &mut Inbox,
    buffer: &mut [u8],
) -> Result<Option<usize>, Error> {
    let frame = loop {
        match inbox.next_header()? {
            Poll::Ready(None) => return Ok(None),
            Poll::Ready(Some(frame)) => break frame,
            Poll::Pending => fill(stream, inbox).await?,
        }
    };
    let place = usize::try_from(frame.body_len).ok().and_then(|length| buffer.get_mut(..length));
    let Some(place) = place else {
        let message = next_message(stream, inbox).await?;
        return message.map_or(Ok(None), |message| Err(Error::BufferTooShort { message }));
    };
    // If this future is dropped, it puts back what it has.
    let mut direct = inbox.direct(frame, place);
    while !direct.is_whole() {
        let read = || direct.fill(stream.as_fd(), RecvFlags::DONTWAIT);
        match stream.try_io(Interest::READABLE, read) {
            Ok(true) => consume_budget().await,
            Ok(false) => {
                drop(direct);
                // Which is an error, since the stream ended inside of the message.
                return next_message(stream, inbox).await.map(|message| message.map(|message| message.len()));
            }
            Err(error) => pause(stream, error, Doing::Receiving, direct.wants_acknowledgement()).await?,
        }
    }
    Ok(Some(direct.finish()))
}

/// Reads once.
async fn fill(stream: &Stream, inbox: &mut Inbox) -> Result<(), Error> {
    loop {
        let mut emptied = false;
        let read = || {
            emptied = inbox.fill(stream.as_fd(), stream.is_unix(), RecvFlags::DONTWAIT)?;
            // The next read waits, without having to be told so by one that would block.
            if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        match stream.try_io(Interest::READABLE, read) {
            Err(error) if !emptied => {
                if inbox.is_thrifty() {
                    inbox.release();
                }
                pause(stream, error, Doing::Receiving, inbox.wants_acknowledgement()).await?;
            }
            _ => {
                // A peer that never stops must not keep other tasks from their turn.
                consume_budget().await;
                return Ok(());
            }
        }
    }
}

/// Waits, if that is what a read failed for, and has it acknowledged before if that is wanted `early`.
async fn pause(stream: &Stream, error: io::Error, doing: Doing, early: bool) -> Result<(), Error> {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            if early {
                stream.quickack();
            }
            // Whoever receives has the one inbox of the connection.
            poll_fn(|context| stream.poll_readable(context)).await.map_err(Error::io(doing))
        }
        io::ErrorKind::Interrupted => Ok(()),
        _ => Err(Error::Io { doing, source: error }),
    }
}

/// Writes until all has left.
async fn transmit<P: Deref<Target = [u8]>>(
    stream: &Stream,
    mut sending: Sending<'_, P>,
    deadline: Deadline,
) -> Result<(), Error> {
    // As for a peer that never stops, and here, where no deadline can take it for the peer's slowness.
    consume_budget().await;
    let writing = by(deadline, Doing::Sending, write(stream, &mut sending)).await;
    writing.map_err(|_| Error::Timeout { doing: sending.doing() })?
}

async fn write<P: Deref<Target = [u8]>>(stream: &Stream, sending: &mut Sending<'_, P>) -> Result<(), Error> {
    while !sending.is_over() {
        let step = || sending.step(|pieces| socket::send(stream, pieces, SendFlags::DONTWAIT));
        match stream.try_io(Interest::WRITABLE, step) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { doing: Doing::Sending, source }),
        }
    }
    Ok(())
}
