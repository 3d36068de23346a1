//! Async clients of stock managers, all on one thread.
#![cfg(all(unix, feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::time::Duration;

use sabir::manager::Reference;
use sabir::pickle::AllowList;
use sabir::pickle::serde::Class;
use sabir::tokio::{Manager, Proxy, Session};
use sabir::{Error, Timeouts};
use serde::Deserialize;
use support::{Peer, context, few_pythons};

/// A manager of each of a few Pythons, and a client of it.
macro_rules! each {
    (|$version:ident, $manager:ident| $test:block) => {
        for python in few_pythons() {
            let mut peer = Peer::start(&python, "manager.py", &[]);
            let $manager = Manager::connect(&context(), &peer.line()).await.unwrap();
            let $version = python.version;
            $test
        }
    };
}

#[tokio::test]
async fn objects_are_created_and_called_and_what_is_raised_is_an_error() {
    each!(|version, manager| {
        let robot = manager.create("Robot", &("Marvin",)).await.unwrap();
        assert_eq!(robot.call::<(i32, i32)>("move", &(1, 2)).await.unwrap(), (1, 2), "{version}");
        assert!(
            robot.exposed().contains(&"move".to_owned()) && robot.text().await.unwrap().contains("Robot")
        );
        let Err(Error::Remote(raised)) = robot.call::<()>("fail", &("boom",)).await else {
            panic!("{version}")
        };
        assert!(raised.is("builtins", "ValueError") && raised.text == "boom", "{version}: {raised}");
        let Err(Error::Remote(raised)) = manager.create("NoSuch", &()).await else { panic!("{version}") };
        assert!(raised.is("builtins", "KeyError"), "{version}: {raised}");
        assert!(matches!(robot.call::<()>("move", &1).await, Err(Error::Arguments(_))));
        let same = robot.call_proxy("itself", &()).await.unwrap();
        assert_eq!((same.typeid(), same.ident()), ("Shared", robot.ident()), "{version}");
        let value = robot.call_proxy("move", &(0, 0)).await;
        assert!(matches!(value, Err(Error::Protocol(_))), "{version}: {value:?}");
        // None of it disturbs the connections.
        assert_eq!(same.call::<(i32, i32)>("move", &(1, 1)).await.unwrap(), (2, 3), "{version}");
    });
}

#[cfg(feature = "macros")]
#[sabir::proxy]
trait Robot {
    #[sabir(name = "move")]
    async fn walk(&self, dx: i32, dy: i32) -> sabir::Result<(i32, i32)>;
    #[sabir(proxy)]
    async fn itself(&self) -> sabir::Result<RobotProxy>;
}

#[cfg(feature = "macros")]
#[tokio::test]
async fn a_trait_of_async_methods_is_a_typed_proxy() {
    each!(|version, manager| {
        let robot = RobotProxy::create(&manager, &("Marvin",)).await.unwrap();
        assert_eq!(robot.walk(1, 2).await.unwrap(), (1, 2), "{version}");
        assert_eq!(robot.itself().await.unwrap().walk(1, 1).await.unwrap(), (2, 3), "{version}");
        assert_eq!(sabir::tokio::Typed::proxy(&robot).typeid(), "Robot", "{version}");
    });
}

#[tokio::test]
async fn a_dropped_proxy_blocks_nobody_and_is_given_back_in_the_background() {
    each!(|version, manager| {
        let start = manager.number_of_objects().await.unwrap();
        let address = manager.address().clone();
        let robots: Vec<Proxy> = vec![
            manager.create("Robot", &("Marvin",)).await.unwrap(),
            manager.create("Robot", &("Bender",)).await.unwrap(),
        ];
        let same = robots[0].clone();
        drop(robots);
        // Nothing has left this thread yet, so nobody else sees a change.
        let watch = context().manager(&address).unwrap();
        assert_eq!(watch.number_of_objects().unwrap(), start + 2, "{version}");
        manager.settled().await;
        assert_eq!(watch.number_of_objects().unwrap(), start + 1, "{version}");
        // The last of them goes after the manager itself, and outside of all tasks.
        drop(manager);
        std::thread::spawn(move || drop(same)).join().unwrap();
        eventually(&address, start).await;
    });
}

#[tokio::test]
async fn a_dozen_calls_wait_on_one_thread_for_the_same_thread_to_wake_them() {
    each!(|version, manager| {
        let queue = manager.create("Queue", &()).await.unwrap();
        let waiting: Vec<_> = (0..12)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.call::<u32>("get", &()).await.unwrap() })
            })
            .collect();
        tokio::task::yield_now().await;
        for number in 0..12u32 {
            queue.call::<()>("put", &(number,)).await.unwrap();
        }
        let mut got = Vec::new();
        for waiting in waiting {
            got.push(waiting.await.unwrap());
        }
        got.sort_unstable();
        assert!(got.into_iter().eq(0..12), "{version}");
    });
}

#[tokio::test]
async fn a_call_that_is_cancelled_leaves_the_others_whole() {
    each!(|version, manager| {
        let queue = manager.create("Queue", &()).await.unwrap();
        let robot = manager.create("Robot", &("Marvin",)).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(100), queue.call::<u32>("get", &())).await;
        assert!(waited.is_err(), "{version}");
        for step in 1..50 {
            // Cancelled in its handshake, before its request, before its reply, or not at all.
            let moving = robot.call::<(i32, i32)>("move", &(0, 0));
            let patience = Duration::from_micros(step * 60);
            if let Ok(moved) = tokio::time::timeout(patience, moving).await {
                assert_eq!(moved.unwrap(), (0, 0), "{version}");
            }
        }
        let moved: (i32, i32) = robot.call("move", &(1, 2)).await.unwrap();
        assert_eq!(moved, (1, 2), "{version}");
    });
}

#[tokio::test]
async fn what_is_cancelled_leaves_no_reference_behind() {
    each!(|version, manager| {
        let start = manager.number_of_objects().await.unwrap();
        let robot = manager.create("Robot", &("Marvin",)).await.unwrap();
        for step in 0..40 {
            let patience = Duration::from_micros(step * 100);
            // The proxy of one that was in time is dropped at once.
            let _ = tokio::time::timeout(patience, manager.create("Robot", &("Bender",))).await;
            let _ = tokio::time::timeout(patience, manager.attach(&robot.reference())).await;
        }
        // All of that is done before, or it could outlast the next method.
        manager.settled().await;
        // The method goes on in the manager, and what it returns stays there.
        let patience = Duration::from_millis(50);
        let cancelled = tokio::time::timeout(patience, robot.call_proxy("itself_later", &(1.5,))).await;
        assert!(cancelled.is_err(), "{version}");
        let ident = robot.ident().to_owned();
        drop(robot);
        manager.settled().await;
        let info = manager.debug_info().await.unwrap();
        assert!(info.contains(&ident), "{version}: the method runs, and what it was called on lives: {info}");
        eventually(manager.address(), start).await;
    });
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_the_next_one_works() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let mut timeouts = Timeouts::all(Duration::from_secs(30));
        timeouts.call = Some(Duration::from_secs(1));
        let manager = Manager::connect(&context().timeouts(timeouts), &peer.line()).await.unwrap();
        let queue = manager.create("Queue", &()).await.unwrap();
        assert!(queue.call::<u32>("get", &()).await.unwrap_err().is_timeout(), "{}", python.version);
        assert!(queue.call::<bool>("empty", &()).await.unwrap(), "{}", python.version);
        // Also for one that waits for its turn in a session.
        let session = Session::new();
        let queue = queue.in_session(&session);
        let both = tokio::join!(queue.call::<u32>("get", &()), queue.call::<u32>("get", &()));
        assert!(both.0.unwrap_err().is_timeout() && both.1.unwrap_err().is_timeout(), "{}", python.version);
        peer.kill();
        assert!(queue.call::<bool>("empty", &()).await.is_err(), "{}", python.version);
        // What is gone counts nothing: to give back does not wait for it.
        drop(queue);
        manager.settled().await;
    }
}

#[tokio::test]
async fn a_lock_belongs_to_the_session_that_took_it_whichever_task_calls() {
    /// 2.7's `RLock.acquire` gives 1.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Bool(bool),
        Number(u8),
    }
    async fn acquire(lock: &Proxy) -> bool {
        match lock.call("acquire", &(false,)).await.unwrap() {
            Truth::Bool(truth) => truth,
            Truth::Number(number) => number != 0,
        }
    }
    each!(|version, manager| {
        let lock = manager.create("RLock", &()).await.unwrap();
        let (mine, other) = (lock.in_session(&Session::new()), lock.in_session(&Session::new()));
        assert!(acquire(&mine).await && acquire(&mine).await, "{version}: it may be taken again");
        assert!(!acquire(&other).await, "{version}");
        tokio::spawn(async move {
            mine.call::<()>("release", &()).await.unwrap();
            mine.call::<()>("release", &()).await.unwrap();
        })
        .await
        .unwrap();
        assert!(acquire(&other).await, "{version}");
    });
}

#[tokio::test]
async fn a_proxy_is_a_value_and_becomes_a_proxy_again() {
    for python in few_pythons().into_iter().filter(|python| python.version.minor > 8) {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let manager = Manager::connect(&context(), &peer.line()).await.unwrap();
        let robot = manager.create("Robot", &("Marvin",)).await.unwrap();
        let list = manager.create("list", &()).await.unwrap();
        list.call::<()>("append", &(&robot,)).await.unwrap();
        let reference: Reference = list.call("__getitem__", &(0,)).await.unwrap();
        let again = manager.attach(&reference).await.unwrap();
        assert_eq!((again.typeid(), again.ident()), ("Robot", robot.ident()));
        assert_eq!(again.call::<(i32, i32)>("move", &(1, 1)).await.unwrap(), (1, 1));
    }
}

#[tokio::test]
async fn an_answer_that_names_what_is_not_allowed_is_an_error_and_the_connection_goes_on() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let context = context().allow(AllowList::builtin());
        let manager = Manager::connect(&context, &peer.line()).await.unwrap();
        // Another connection would be no owner of the lock.
        let session = Session::new();
        let list = manager.create("list", &()).await.unwrap().in_session(&session);
        let lock = manager.create("RLock", &()).await.unwrap().in_session(&session);
        let _true_or_one: sabir::Result<bool> = lock.call("acquire", &()).await;
        list.call::<()>("append", &(Class::new("os", "getcwd"),)).await.unwrap();
        let error = list.call::<Class>("__getitem__", &(0,)).await.unwrap_err().to_string();
        assert!(error.contains("getcwd is not allowed at offset "), "{}: {error}", python.version);
        lock.call::<()>("release", &()).await.unwrap();
    }
}

#[cfg(feature = "server")]
mod rust_server {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sabir::server::Server;

    use super::*;

    #[derive(Default)]
    struct Waiting(AtomicUsize);

    /// Counts one less when the call that it is part of has ended, however it did.
    struct OneLess<'a>(&'a AtomicUsize);

    impl Drop for OneLess<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[sabir::shared]
    impl Waiting {
        async fn wait(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            let _one = OneLess(&self.0);
            std::future::pending::<()>().await;
        }
    }

    #[tokio::test]
    async fn a_call_that_is_cancelled_is_dropped_in_a_rust_server() {
        let object = Arc::new(Waiting::default());
        let mut server = Server::new(&context());
        server.share("Waiting", Arc::clone(&object));
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        let address = bound.address().clone();
        let _serving = tokio::spawn(bound.serve(std::future::pending()));
        let manager = Manager::connect(&context(), &address).await.unwrap();
        let waiting = manager.create("Waiting", &()).await.unwrap();
        for step in [true, false] {
            let call = tokio::spawn({
                let waiting = waiting.clone();
                async move {
                    if step {
                        waiting.call::<()>("wait", &()).await
                    } else {
                        waiting.call_proxy("wait", &()).await.map(drop)
                    }
                }
            });
            until(&object.0, 1).await;
            call.abort();
            until(&object.0, 0).await;
        }
    }

    async fn until(count: &AtomicUsize, is: usize) {
        for _ in 0..500 {
            if count.load(Ordering::SeqCst) == is {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count:?} never was {is}");
    }
}

/// Waits until a manager holds so many objects, as somebody else sees it.
async fn eventually(address: &sabir::Address, objects: u64) {
    let watch = Manager::connect(&context(), address).await.unwrap();
    for _ in 0..200 {
        if watch.number_of_objects().await.unwrap() == objects {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", watch.debug_info().await.unwrap());
}
