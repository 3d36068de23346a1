//! Rust objects, shared with stock clients of every Python.
#![cfg(all(unix, feature = "server"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sabir::Error;
use sabir::manager::Typed;
use sabir::pickle::AllowList;
use sabir::pickle::serde::Class;
use sabir::server::{Exception, Object, Running, Server};
use support::{Peer, context, pythons};
use tokio::sync::Notify;

struct Account {
    balance: Mutex<i64>,
    owner: Arc<Owner>,
}

struct Owner;

#[sabir::shared]
impl Account {
    fn deposit(&self, amount: i64) -> i64 {
        let mut balance = self.balance.lock().unwrap();
        *balance += amount;
        *balance
    }

    fn withdraw(&self, amount: i64) -> Result<i64, Exception> {
        let balance = *self.balance.lock().unwrap();
        if amount > balance { Err(Exception::value_error("not so much is there")) } else { Ok(balance) }
    }

    fn transfer(&self, amount: i64, note: Option<String>) -> (Vec<i64>, Option<String>) {
        (vec![self.deposit(-amount)], note)
    }

    fn lookup(&self, key: String) -> Result<String, Exception> {
        if key == "owner" { Ok(key) } else { Err(Exception::key_error(&key)) }
    }

    fn take_from(&self, other: Object<Account>, witness: Option<Object<Owner>>) -> (i64, Option<String>) {
        let taken = std::mem::take(&mut *other.balance.lock().unwrap());
        *self.balance.lock().unwrap() += taken;
        (taken, witness.map(|witness| witness.name().to_owned()))
    }

    fn owner(&self) -> Object<Owner> {
        Object::new(Arc::clone(&self.owner))
    }

    fn panic(&self) {
        panic!("Boom")
    }

    fn _hidden(&self) {}
}

#[sabir::shared]
impl Owner {
    fn name(&self) -> &'static str {
        "Ann"
    }
}

#[derive(Default)]
struct Mailbox {
    letters: Mutex<VecDeque<String>>,
    arrived: Notify,
}

#[sabir::shared(typeid = "mailbox")]
impl Mailbox {
    fn send(&self, letter: String) {
        self.letters.lock().unwrap().push_back(letter);
        self.arrived.notify_one();
    }

    async fn receive(&self) -> String {
        loop {
            if let Some(letter) = self.take() {
                return letter;
            }
            self.arrived.notified().await;
        }
    }

    #[sabir(skip)]
    fn take(&self) -> Option<String> {
        self.letters.lock().unwrap().pop_front()
    }

    #[sabir(name = "__len__")]
    fn len(&self) -> usize {
        self.letters.lock().unwrap().len()
    }
}

fn account(balance: i64) -> Account {
    Account { balance: Mutex::new(balance), owner: Arc::new(Owner) }
}

fn start(address: &str) -> Running {
    let mut server = Server::new(&context());
    server.register("Account", |args| {
        let balance = args.optional("balance")?.unwrap_or(0);
        Ok(account(balance))
    });
    server.share("bank", Arc::new(account(0)));
    server.share("mailbox", Arc::new(Mailbox::default()));
    server.start(address).unwrap()
}

#[test]
fn every_python_uses_rust_objects_as_its_own() {
    let socket = format!("unix:{}/sabir-shared-{}", std::env::temp_dir().display(), std::process::id());
    for address in ["127.0.0.1:0", &socket] {
        let server = start(address);
        let address = server.address().to_string();
        for python in pythons() {
            let mut client = Peer::start(&python, "rust_client.py", &["use", &address]);
            assert_eq!(client.line(), "done", "{} at {address}", python.version);
            // What a traceback still refers to is given back as it ends.
            client.finish();
        }
        // Of all that they made nothing is left.
        let manager = context().manager(&address).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while manager.number_of_objects().unwrap() > 0 {
            assert!(Instant::now() < deadline, "{}", manager.debug_info().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_method_that_waits_holds_no_thread_and_is_woken_by_another_client() {
    let server = start("127.0.0.1:0");
    let address = server.address().to_string();
    for python in pythons() {
        let mut client = Peer::start(&python, "rust_client.py", &["wait", &address]);
        assert_eq!(client.line(), "done", "{}", python.version);
    }
    // More that wait than the machine could have threads for in a pool.
    let manager = context().manager(&address).unwrap();
    let mailbox = manager.create("mailbox", &()).unwrap();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.call::<String>("receive", &()).unwrap())
        })
        .collect();
    for _ in 0..100 {
        mailbox.call::<()>("send", &("ahoy",)).unwrap();
    }
    for waiting in waiting {
        assert_eq!(waiting.join().unwrap(), "ahoy");
    }
}

#[test]
fn a_client_that_dies_while_it_waits_takes_nothing_with_it() {
    let server = start("127.0.0.1:0");
    let address = server.address().to_string();
    let manager = context().manager(&address).unwrap();
    let mailbox = manager.create("mailbox", &()).unwrap();
    for python in support::few_pythons() {
        let mut client = Peer::start(&python, "rust_client.py", &["hang", &address]);
        assert_eq!(client.line(), "waiting");
        thread::sleep(Duration::from_millis(200));
        client.kill();
        // The server has seen it go once it has given up the call: until then a letter could be taken for the dead.
        thread::sleep(Duration::from_millis(200));
        mailbox.call::<()>("send", &("ahoy",)).unwrap();
        assert_eq!(mailbox.call::<String>("receive", &()).unwrap(), "ahoy", "{}", python.version);
    }
}

/// The other end of the objects above.
mod client {
    #[sabir::proxy]
    pub trait Account {
        fn deposit(&self, amount: i64) -> sabir::Result<i64>;
        fn transfer(&self, amount: i64, note: &str) -> sabir::Result<(Vec<i64>, Option<String>)>;
        #[sabir(proxy)]
        fn owner(&self) -> sabir::Result<OwnerProxy>;
        fn withdraw(&self, amount: i64) -> sabir::Result<i64>;
    }

    #[sabir::proxy]
    pub trait Owner {
        #[sabir(name = "name")]
        fn called(&self) -> sabir::Result<String>;
    }
}

#[test]
fn a_rust_client_has_typed_proxies_of_rust_objects() {
    let server = start("127.0.0.1:0");
    let manager = context().manager(server.address()).unwrap();
    let account = client::AccountProxy::create(&manager, &(5,)).unwrap();
    assert_eq!(account.deposit(2).unwrap(), 7);
    assert_eq!(account.transfer(3, "note").unwrap(), (vec![4], Some("note".into())));
    assert_eq!(account.owner().unwrap().called().unwrap(), "Ann");
    let Err(Error::Remote(raised)) = account.withdraw(100) else { panic!() };
    assert!(raised.is("builtins", "ValueError"));
    assert_eq!(account.proxy().typeid(), "Account");
    let mailbox = manager.create("mailbox", &()).unwrap();
    assert_eq!(mailbox.call::<usize>("__len__", &()).unwrap(), 0);
}

#[test]
fn proxies_of_an_earlier_start_are_no_other_objects() {
    let server = start("127.0.0.1:0");
    let address = server.address().clone();
    let manager = context().manager(&address).unwrap();
    let account = manager.create("Account", &(5,)).unwrap();
    server.shutdown().unwrap();
    assert!(account.call::<i64>("deposit", &(1,)).is_err());
    let again = start(&address.to_string());
    assert_eq!(again.address(), &address);
    let _other = manager.create("Account", &(7,)).unwrap();
    let Err(Error::Remote(raised)) = account.call::<i64>("deposit", &(1,)) else { panic!() };
    assert!(raised.is("builtins", "KeyError"), "{raised}");
}

#[test]
fn silence_garbage_and_wrong_keys_harm_nobody() {
    let server = start("127.0.0.1:0");
    let address = server.address().clone();
    let _silent: Vec<_> = (0..50).map(|_| sabir::Context::new().client(&address).unwrap()).collect();
    let stranger = context().authkey(sabir::AuthKey::new(*b"wrong")).manager(&address);
    assert!(stranger.is_err());
    for garbage in [&b""[..], b"no pickle", b"\x80\x04N.", b"\x80\x02(NU\x05dummyNNt."] {
        let mut client = context().client(&address).unwrap();
        client.send_bytes(garbage).unwrap();
        let answer = client.recv_graph();
        let _closed_or_told = answer.is_ok();
        assert!(client.recv_bytes().is_err(), "closed after {garbage:?}");
    }
    let manager = context().manager(&address).unwrap();
    assert_eq!(manager.create("Account", &(5,)).unwrap().call::<i64>("deposit", &(1,)).unwrap(), 6);
}

#[test]
fn a_call_that_names_what_is_not_allowed_is_told_so_and_the_connection_goes_on() {
    let mut server = Server::new(&context().allow(AllowList::builtin()));
    server.share("mailbox", Arc::new(Mailbox::default()));
    let server = server.start("127.0.0.1:0").unwrap();
    let manager = context().manager(server.address()).unwrap();
    let mailbox = manager.create("mailbox", &()).unwrap();
    let Err(Error::Remote(raised)) = mailbox.call::<()>("send", &(Class::new("os", "system"),)) else {
        panic!()
    };
    let traceback = raised.traceback.unwrap();
    assert!(traceback.contains("os.system is not allowed at offset "), "{traceback}");
    mailbox.call::<()>("send", &("ahoy",)).unwrap();
    assert_eq!(mailbox.call::<String>("receive", &()).unwrap(), "ahoy");
}

#[test]
fn a_client_can_end_the_server() {
    let server = start("127.0.0.1:0");
    context().manager(server.address()).unwrap().shutdown().unwrap();
    server.join().unwrap();
}
