//! A process without a descriptor left. Alone in its file, since the limit is the process's own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::net::TcpStream;
use std::time::Duration;

use backend::{far, tcp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sabir_net::tokio::Listener;
use sabir_net::{Address, blocking};

#[tokio::test]
async fn accepting_neither_ends_nor_spins_and_goes_on_once_there_is_room() {
    let listener = Listener::bind(&tcp()).await.unwrap();
    let Address::Tcp { port, .. } = listener.local_address() else { panic!("no port") };
    let blocking = blocking::Listener::bind(&tcp()).unwrap();
    let waiting = TcpStream::connect(("127.0.0.1", *port)).unwrap();
    let Address::Tcp { port, .. } = blocking.local_address() else { panic!("no port") };
    let also_waiting = TcpStream::connect(("127.0.0.1", *port)).unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(1), ..before }).unwrap();

    let accepting = listener.accept();
    tokio::pin!(accepting);
    let time = Duration::from_millis(300);
    assert!(tokio::time::timeout(time, &mut accepting).await.is_err());
    // 50 ms each: a loop that spins has thousands.
    assert!((1..=10).contains(&listener.pauses()), "{} pauses", listener.pauses());
    let error = blocking.accept(backend::near()).unwrap_err();
    assert!(matches!(error, sabir_net::Error::Timeout { .. }), "{error}");

    setrlimit(Resource::Nofile, before).unwrap();
    let stream = tokio::time::timeout_at(far().into(), accepting).await.unwrap().unwrap();
    assert_eq!(
        stream.peer_address().unwrap().unwrap().to_string(),
        waiting.local_addr().unwrap().to_string()
    );
    let stream = blocking.accept(far()).unwrap();
    assert_eq!(
        stream.peer_address().unwrap().unwrap().to_string(),
        also_waiting.local_addr().unwrap().to_string()
    );
}
