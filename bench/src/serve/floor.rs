//! The floor: one thread that gives each frame the same answer and looks at nothing else.

use std::collections::HashMap;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::says::framed;
use crate::Outcome;

/// Serves until it is stopped; prints the address.
pub(crate) fn run() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    let reply = framed(REPLY);
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, listener.as_fd(), EventData::new_u64(0), EventFlags::IN)?;
    let mut clients: HashMap<u64, TcpStream> = HashMap::new();
    let (mut last, mut events, mut buffer) = (0, Vec::with_capacity(1024), vec![0; 64 * 1024]);
    loop {
        events.clear();
        match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let number = event.data.u64();
            if number == 0 {
                let (client, _) = listener.accept()?;
                client.set_nodelay(true)?;
                last += 1;
                epoll::add(&poll, client.as_fd(), EventData::new_u64(last), EventFlags::IN)?;
                clients.insert(last, client);
                continue;
            }
            let Some(client) = clients.get_mut(&number) else { continue };
            // Callers wait for the answer, so a read has one whole request.
            let received = client.read(&mut buffer).unwrap_or(0);
            if received == 0 || send(&*client, &reply, SendFlags::NOSIGNAL).is_err() {
                clients.remove(&number);
            }
        }
    }
}

/// `('#RETURN', '12345')`, as the pickler of 3.8 and newer writes it.
const REPLY: &[u8] = b"\x80\x04\x95\x15\0\0\0\0\0\0\0\x8c\x07#RETURN\x94\x8c\x0512345\x94\x86\x94.";
