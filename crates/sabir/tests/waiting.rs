//! Waiting for many objects at once, listeners with authentication among them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use sabir::{Address, Context, Listener, Timeouts, Waitable};

const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(20);

fn context() -> Context {
    Context::new().authkey(b"secret").timeouts(Timeouts::all(LATE))
}

/// One that connects and says nothing.
fn silent(listener: &Listener) -> TcpStream {
    let Address::Tcp { host, port } = listener.address() else { panic!("it is on TCP") };
    let mut silent = TcpStream::connect((&**host, *port)).unwrap();
    // It is taken in, and challenged.
    let mut begin = [0; 4];
    assert!(sabir::wait(&[listener], SOON).unwrap().is_empty());
    silent.read_exact(&mut begin).unwrap();
    silent
}

#[test]
fn a_listener_is_ready_when_somebody_is_in_and_not_when_somebody_is_silent() {
    let listener = context().listener("127.0.0.1:0").unwrap();
    let _silent = silent(&listener);
    let address = listener.address().clone();
    let client = thread::spawn(move || context().client(address));
    assert_eq!(sabir::wait(&[&listener], LATE).unwrap(), [0]);
    assert_eq!(sabir::wait(&[&listener, &listener], Duration::ZERO).unwrap(), [0, 1]);
    let before = Instant::now();
    listener.accept().unwrap();
    assert!(before.elapsed() < SOON);
    client.join().unwrap().unwrap();
}

#[test]
fn what_else_is_ready_is_seen_while_a_listener_is_busy() {
    let listener = context().listener("127.0.0.1:0").unwrap();
    let mut silent = silent(&listener);
    let (mut one, other) = context().pipe().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let reader = OwnedFd::from(reader);
    let objects: [&dyn Waitable; 3] = [&listener, &other, &reader];
    assert_eq!(sabir::wait(&objects, SOON).unwrap(), [0; 0]);
    one.send("ahoy").unwrap();
    assert_eq!(sabir::wait(&objects, LATE).unwrap(), [1]);
    writer.write_all(b"ahoy").unwrap();
    assert_eq!(sabir::wait(&objects, LATE).unwrap(), [1, 2]);
    // One who is not authenticated can say what it likes.
    silent.write_all(b"\0\0\0\x05hello").unwrap();
    drop(silent);
    assert_eq!(sabir::wait(&objects, LATE).unwrap(), [1, 2]);
    while listener.refused().is_empty() {
        sabir::wait(&[&listener], Duration::from_millis(10)).unwrap();
    }
}

#[test]
fn who_waits_behind_another_thread_keeps_to_its_deadline() {
    let listener = context().listener("127.0.0.1:0").unwrap();
    let mut other = context().listener("127.0.0.1:0").unwrap();
    other.set_timeouts(other.timeouts().accept(SOON));
    thread::scope(|scope| {
        scope.spawn(|| listener.accept().unwrap());
        thread::sleep(Duration::from_millis(50));
        let before = Instant::now();
        assert!(sabir::wait(&[&other, &listener], SOON).unwrap().is_empty());
        assert!(listener.refused().is_empty(), "it is asked without a wait");
        assert!(other.accept().unwrap_err().is_timeout());
        assert!(before.elapsed() < LATE / 2);
        // In the other order: whoever takes several takes them in one order.
        let both = [scope.spawn(|| sabir::wait(&[&listener, &other], SOON).unwrap().len()), {
            scope.spawn(|| sabir::wait(&[&other, &listener], SOON).unwrap().len())
        }];
        for waited in both {
            assert_eq!(waited.join().unwrap(), 0);
        }
        context().client(listener.address()).unwrap();
    });
}

#[test]
fn one_half_writes_as_the_other_has_learnt() {
    let listener = Context::new().listener("127.0.0.1:0").unwrap();
    let mut client = Context::new().client(listener.address()).unwrap();
    let (mut reading, mut writing) = listener.accept().unwrap().split();
    writing.send("to a stranger").unwrap();
    assert!(client.recv_bytes().unwrap().starts_with(b"\x80\x02"));
    client.send_bytes(b"\x80\x04N.").unwrap();
    reading.recv::<()>().unwrap();
    writing.send("to one that wrote 4").unwrap();
    assert!(client.recv_bytes().unwrap().starts_with(b"\x80\x05"));

    let (reading_of_client, writing_of_client) = client.split();
    let apart = reading.unsplit(writing_of_client).unwrap_err();
    let (reading, writing_of_client) = *apart;
    let mut whole = reading.unsplit(writing).unwrap();
    whole.send_bytes(b"whole again").unwrap();
    let mut client = reading_of_client.unsplit(writing_of_client).unwrap();
    assert_eq!(client.recv_bytes().unwrap(), &b"whole again"[..]);
    whole.close().unwrap();
    assert!(client.recv_bytes().unwrap_err().is_eof());
}

#[test]
fn that_nobody_is_there_is_told_from_other_errors() {
    let nobody = context().listener("127.0.0.1:0").unwrap().address().clone();
    let error = context().client(nobody).unwrap_err();
    assert!(error.is_connect() && !error.is_eof() && !error.is_timeout(), "{error}");
    let listener = context().listener("127.0.0.1:0").unwrap();
    let address = listener.address().clone();
    let accepting = thread::spawn(move || listener.accept().map(drop));
    let error = Context::new().authkey(b"guess").client(&address).unwrap_err();
    assert!(error.is_authentication() && !error.is_connect(), "{error}");
    context().client(&address).unwrap();
    accepting.join().unwrap().unwrap();
}
