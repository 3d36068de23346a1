//! Rust as a client of stock managers of every version.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use sabir::manager::{Manager, Reference};
use sabir::pickle::serde::Class;
use sabir::pickle::{AllowList, Version};
use sabir::pythons::Python;
use sabir::{Error, Result};
use serde::Serialize;
use support::{Peer, context, few_pythons, pythons};

/// A manager of each Python, and a client of it.
fn each(test: impl Fn(Version, &Manager, &mut Peer)) {
    for python in pythons() {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let manager = context().manager(peer.line()).unwrap();
        test(python.version, &manager, &mut peer);
    }
}

fn is_2(version: Version) -> bool {
    version.major == 2
}

/// What was raised, as module, name and text.
fn raised<T: std::fmt::Debug>(result: Result<T>) -> (String, String, String) {
    match result.unwrap_err() {
        Error::Remote(raised) => (raised.module, raised.name, raised.text),
        error => panic!("{error:?}"),
    }
}

#[test]
fn objects_of_the_programs_own_types_are_created_and_called() {
    each(|version, manager, _| {
        #[derive(Serialize)]
        struct Keywords {
            speed: i32,
        }
        let slow = manager.create("Robot", &("Marvin",)).unwrap();
        let fast = manager.create_with("Robot", &["Bender"], &Keywords { speed: 10 }).unwrap();
        assert_eq!(slow.call::<(i32, i32)>("move", &(1, 2)).unwrap(), (1, 2), "{version}");
        let moved: (i32, i32) = fast.call_with("move", &(1,), &BTreeMap::from([("dy", 3)])).unwrap();
        assert_eq!(moved, (10, 30), "{version}");
        assert!(
            slow.exposed().contains(&"move".to_owned()) && !slow.exposed().contains(&"_hidden".to_owned())
        );
        // What a callable returns is an object like any other.
        let list = manager.create("function", &(1,)).unwrap();
        assert_eq!(list.value::<Vec<i32>>().unwrap(), [1, 2], "{version}");
        assert!(slow.text().unwrap().contains("Robot"));
        let text = "größe 😀".to_owned();
        assert_eq!(slow.call::<String>("echo", &[&text]).unwrap(), text, "{version}");
    });
}

#[test]
fn what_a_manager_raises_is_an_error_with_type_text_and_traceback() {
    each(|version, manager, _| {
        let robot = manager.create("Robot", &("Marvin",)).unwrap();
        let value_error = raised(robot.call::<()>("fail", &("boom",)));
        assert_eq!(value_error, ("builtins".into(), "ValueError".into(), "boom".into()), "{version}");
        let (module, name, text) = raised(robot.call::<()>("fail_oddly", &()));
        assert_eq!((&*module, &*name), ("builtins", "KeyError"), "{version}");
        assert_eq!(text, "'größe'", "{version}");
        let (_, name, text) = raised(robot.call::<()>("open", &("/no/such",)));
        assert!(["FileNotFoundError", "OSError"].contains(&&*name), "{version}: {name}");
        assert_eq!(text, "[Errno 2] No such file or directory: '/no/such'", "{version}");

        // What the server itself fails in comes with its traceback.
        let Err(Error::Remote(error)) = robot.call::<()>("no_such", &()) else { panic!("{version}") };
        assert!(error.traceback.as_deref().unwrap().starts_with("Traceback (most recent call last):"));
        let Err(Error::Remote(error)) = manager.create("NoSuch", &()) else { panic!("{version}") };
        assert!(error.is("builtins", "KeyError"), "{version}: {error}");
        let Err(Error::Unserializable(error)) = robot.call::<()>("unpicklable", &()) else {
            panic!("{version}")
        };
        assert!(error.traceback.is_some(), "{version}: {error}");
        // And none of it disturbs the connection.
        assert_eq!(robot.call::<(i32, i32)>("move", &(1, 1)).unwrap(), (1, 1), "{version}");
    });
}

#[test]
fn arguments_that_are_none_are_the_callers_fault_and_nothing_is_sent() {
    let python = pythons().pop().unwrap();
    let mut peer = Peer::start(&python, "manager.py", &[]);
    let manager = context().manager(peer.line()).unwrap();
    let robot = manager.create("Robot", &("Marvin",)).unwrap();
    assert!(matches!(robot.call::<()>("move", &1), Err(Error::Arguments(_))));
    assert!(matches!(robot.call_with::<()>("move", &(1,), &[2]), Err(Error::Arguments(_))));
    assert!(matches!(robot.call::<String>("move", &(1, 2)), Err(Error::Loads { .. })));
}

#[test]
fn an_answer_that_names_what_is_not_allowed_is_an_error_and_the_connection_goes_on() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let manager = context().allow(AllowList::builtin()).manager(peer.line()).unwrap();
        let list = manager.list::<Class>().unwrap();
        let lock = manager.lock().unwrap();
        let guard = lock.acquire().unwrap();
        list.push(&Class::new("os", "getcwd")).unwrap();
        let error = list.get(0).unwrap_err().to_string();
        assert!(error.contains("getcwd is not allowed at offset "), "{}: {error}", python.version);
        // Another connection would be another holder of the lock.
        guard.release().unwrap();
        assert_eq!(list.len().unwrap(), 1);
    }
}

#[test]
fn references_are_back_at_their_start_after_drop() {
    each(|version, manager, _| {
        let start = manager.number_of_objects().unwrap();
        let robot = manager.create("Robot", &("Marvin",)).unwrap();
        let same = robot.clone();
        assert_eq!(manager.number_of_objects().unwrap(), start + 1, "{version}");
        drop(robot);
        assert_eq!(same.call::<(i32, i32)>("move", &(1, 2)).unwrap(), (1, 2), "a clone keeps it");
        // A method's result that stays with the manager: the same object, counted once more.
        let again = same.call_proxy("itself", &()).unwrap();
        assert_eq!((again.typeid(), again.ident()), ("Shared", same.ident()), "{version}");
        drop(same);
        assert_eq!(again.call::<(i32, i32)>("move", &(1, 2)).unwrap(), (2, 4), "{version}");
        // A proxy that nobody takes is given back as well.
        let own = manager.create("Robot", &("Bender",)).unwrap();
        assert!(matches!(own.call::<()>("itself", &()), Err(Error::Protocol(_))));
        drop(own);
        let dict = manager.dict::<String, i32>().unwrap();
        dict.insert("a", &1).unwrap();
        let keys: Vec<String> = dict.iter().unwrap().map(Result::unwrap).collect();
        assert_eq!(keys, ["a"], "{version}");
        drop(dict);
        again.close().unwrap();
        assert_eq!(
            manager.number_of_objects().unwrap(),
            start,
            "{version}: {}",
            manager.debug_info().unwrap()
        );
    });
}

#[test]
fn references_are_back_at_their_start_after_threads_that_shared_them() {
    each(|version, manager, _| {
        let start = manager.number_of_objects().unwrap();
        let shared = manager.create("Robot", &("Marvin",)).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (manager, shared) = (manager.clone(), shared.clone());
                thread::spawn(move || {
                    for _ in 0..5 {
                        let own = manager.create("Robot", &("Bender",)).unwrap();
                        own.call::<(i32, i32)>("move", &(1, 0)).unwrap();
                        shared.call::<(i32, i32)>("move", &(1, 0)).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(shared.call::<(i32, i32)>("move", &(0, 0)).unwrap().0, 20, "{version}");
        drop(shared);
        assert_eq!(manager.number_of_objects().unwrap(), start, "{version}");
    });
}

#[test]
fn dicts_and_lists_are_rust_collections() {
    each(|version, manager, _| {
        let dict = manager.dict::<String, f64>().unwrap();
        dict.insert("a", &0.5).unwrap();
        dict.extend([("b", 1.5), ("c", 2.5)]).unwrap();
        assert_eq!((dict.get("a").unwrap(), dict.get("z").unwrap()), (Some(0.5), None), "{version}");
        assert_eq!(dict.get_or_insert("d", &3.5).unwrap(), 3.5);
        assert_eq!((dict.remove("b").unwrap(), dict.remove("b").unwrap()), (Some(1.5), None));
        assert!(dict.contains_key("c").unwrap() && !dict.is_empty().unwrap());
        let mut items = dict.items().unwrap();
        items.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(items, [("a".into(), 0.5), ("c".into(), 2.5), ("d".into(), 3.5)]);
        assert_eq!((dict.keys().unwrap().len(), dict.values().unwrap().len()), (3, 3));
        dict.clear().unwrap();
        assert_eq!(dict.len().unwrap(), 0);

        let list = manager.list::<String>().unwrap();
        list.extend(&["b".into(), "ä".into()]).unwrap();
        list.push(&"a".into()).unwrap();
        list.insert(0, &"c".into()).unwrap();
        assert_eq!((list.get(-1).unwrap().as_deref(), list.get(9).unwrap()), (Some("a"), None), "{version}");
        assert!(list.set(0, &"x".into()).unwrap() && !list.set(9, &"x".into()).unwrap());
        assert!(list.contains(&"ä".into()).unwrap());
        assert_eq!(list.pop_at(0).unwrap().as_deref(), Some("x"));
        list.sort().unwrap();
        list.reverse().unwrap();
        assert_eq!(list.to_vec().unwrap(), ["ä", "b", "a"], "{version}");
        assert_eq!((list.pop().unwrap().as_deref(), list.len().unwrap()), (Some("a"), 2));
    });
}

#[test]
fn sets_are_rust_collections_where_python_has_them() {
    each(|version, manager, _| {
        if version < Version::new(3, 14) {
            assert_eq!(raised(manager.set::<u8>()).1, "KeyError", "{version}");
            return;
        }
        let sorted = |items: Result<Vec<String>>| {
            let mut items = items.unwrap();
            items.sort();
            items.concat()
        };
        let text = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let set = manager.set::<String>().unwrap();
        assert!(set.is_empty().unwrap() && set.pop().unwrap().is_none());
        set.extend(&text(&["a", "ä", "b", "a"])).unwrap();
        set.insert(&"c".into()).unwrap();
        assert!(set.contains(&"ä".into()).unwrap() && set.remove(&"ä".into()).unwrap());
        assert!(!set.remove(&"ä".into()).unwrap());
        assert_eq!((set.len().unwrap(), sorted(set.to_vec())), (3, "abc".into()), "{version}");
        let other = text(&["b", "x"]);
        assert_eq!(sorted(set.union(&other)), "abcx");
        assert_eq!(sorted(set.intersection(&other)), "b");
        assert_eq!(sorted(set.difference(&other)), "ac");
        assert_eq!(sorted(set.symmetric_difference(&other)), "acx");
        assert!(!set.is_disjoint(&other).unwrap() && !set.is_superset(&other).unwrap());
        assert!(set.is_subset(&text(&["a", "b", "c", "d"])).unwrap());
        assert!("abc".contains(&set.pop().unwrap().unwrap()));
        set.clear().unwrap();
        assert!(set.is_empty().unwrap());
    });
}

#[test]
fn pools_call_functions_in_other_processes() {
    each(|version, manager, _| {
        let start = manager.number_of_objects().unwrap();
        let pool = manager.pool(Some(2)).unwrap();
        let (power, root) = (Class::new("math", "pow"), Class::new("math", "sqrt"));
        assert_eq!(pool.apply::<f64, _>(&power, &(2, 10)).unwrap(), 1024.0, "{version}");
        let process: u32 = pool.apply(&Class::new("os", "getpid"), &()).unwrap();
        assert_ne!(process, std::process::id());
        let keywords = BTreeMap::from([("base", 16)]);
        assert_eq!(
            pool.apply_with::<i64, _, _>(&Class::new("builtins", "int"), &("ff",), &keywords).unwrap(),
            255,
            "{version}"
        );
        let (_, name, text) = raised(pool.apply::<f64, _>(&root, &(-1,)));
        assert_eq!(name, "ValueError", "{version}: {text}");
        assert_eq!(pool.map::<f64, _>(&root, &[1, 4, 9]).unwrap(), [1.0, 2.0, 3.0], "{version}");
        assert_eq!(pool.map_async::<f64, _>(&root, &[1, 4]).unwrap().get().unwrap(), [1.0, 2.0]);
        let items: Vec<f64> = pool.imap(&root, &[1, 4, 9]).unwrap().map(Result::unwrap).collect();
        assert_eq!(items, [1.0, 2.0, 3.0], "{version}");
        let mut items: Vec<f64> = pool.imap_unordered(&root, &[4, 1]).unwrap().map(Result::unwrap).collect();
        items.sort_by(f64::total_cmp);
        assert_eq!(items, [1.0, 2.0], "{version}");
        if is_2(version) {
            assert!(pool.starmap::<f64, _>(&power, &[(2, 3)]).is_err(), "2.7 has none");
        } else {
            assert_eq!(pool.starmap::<f64, _>(&power, &[(2, 3), (3, 2)]).unwrap(), [8.0, 9.0], "{version}");
            let later = pool.starmap_async::<f64, _>(&power, &[(2, 3)]).unwrap();
            assert_eq!(later.get().unwrap(), [8.0], "{version}");
        }

        let slow = pool.apply_async::<Option<u8>, _>(&Class::new("time", "sleep"), &(0.5,)).unwrap();
        assert_eq!(slow.get_timeout(Duration::from_millis(10)).unwrap(), None, "{version}");
        assert!(!slow.ready().unwrap());
        slow.wait_timeout(Duration::from_millis(10)).unwrap();
        slow.wait().unwrap();
        assert!(slow.ready().unwrap() && slow.successful().unwrap());
        assert_eq!(slow.get_timeout(Duration::from_secs(10)).unwrap(), Some(None), "{version}");
        let failed = pool.apply_async::<f64, _>(&root, &(-1,)).unwrap();
        assert_eq!(raised(failed.get()).1, "ValueError", "{version}");
        assert!(!failed.successful().unwrap());

        pool.close().unwrap();
        pool.terminate().unwrap();
        pool.join().unwrap();
        drop((pool, slow, failed));
        assert_eq!(manager.number_of_objects().unwrap(), start, "{version}");
    });
}

#[test]
fn namespaces_values_and_arrays_hold_what_they_are_given() {
    each(|version, manager, _| {
        let namespace = manager.namespace().unwrap();
        namespace.set("x", &vec![1, 2]).unwrap();
        assert_eq!(namespace.get::<Vec<i32>>("x").unwrap(), Some(vec![1, 2]), "{version}");
        assert!(namespace.delete("x").unwrap() && !namespace.delete("x").unwrap());
        assert_eq!(namespace.get::<i32>("x").unwrap(), None, "{version}");
        let value = manager.value("d", &0.5).unwrap();
        value.set(&1.5).unwrap();
        assert_eq!(value.get().unwrap(), 1.5, "{version}");
        // 2.7 wants its own `str` as a type code, which text at protocol 2 is not.
        let array = manager.array("i", &[1, 2, 3]).unwrap();
        assert!(array.set(1, &7).unwrap() && !array.set(3, &7).unwrap());
        assert_eq!((array.get(1).unwrap(), array.get(-4).unwrap(), array.len().unwrap()), (Some(7), None, 3));
    });
}

#[test]
fn queues_wait_and_say_when_there_is_nothing() {
    each(|version, manager, _| {
        let queue = manager.queue::<(u32, String)>(2).unwrap();
        assert_eq!(queue.try_get().unwrap(), None, "{version}");
        assert_eq!(queue.get_timeout(Duration::from_millis(20)).unwrap(), None, "{version}");
        queue.put(&(1, "one".into())).unwrap();
        assert!(queue.try_put(&(2, "two".into())).unwrap());
        assert!(!queue.try_put(&(3, "three".into())).unwrap() && queue.is_full().unwrap(), "{version}");
        assert!(!queue.put_timeout(&(3, String::new()), Duration::from_millis(20)).unwrap());
        assert_eq!(queue.get().unwrap(), (1, "one".into()), "{version}");
        assert_eq!((queue.len().unwrap(), queue.is_empty().unwrap()), (1, false));
        let joinable = manager.joinable_queue::<u32>(0).unwrap();
        joinable.put(&1).unwrap();
        joinable.get().unwrap();
        joinable.task_done().unwrap();
        joinable.join().unwrap();
    });
}

#[test]
fn locks_belong_to_the_thread_that_took_them() {
    each(|version, manager, _| {
        for lock in [manager.lock().unwrap(), manager.rlock().unwrap()] {
            let guard = lock.acquire().unwrap();
            let other = lock.clone();
            let taken = thread::spawn(move || other.try_acquire().unwrap().is_some()).join().unwrap();
            assert!(!taken, "{version}");
            if !is_2(version) {
                let other = lock.clone();
                let waited = thread::spawn(move || {
                    other.acquire_timeout(Duration::from_millis(20)).unwrap().is_some()
                });
                assert!(!waited.join().unwrap(), "{version}");
            }
            drop(guard);
            let other = lock.clone();
            assert!(
                thread::spawn(move || other.try_acquire().unwrap().is_some()).join().unwrap(),
                "{version}"
            );
        }
        let rlock = manager.rlock().unwrap();
        let (_once, _twice) = (rlock.acquire().unwrap(), rlock.try_acquire().unwrap().expect("it is ours"));
        let semaphore = manager.semaphore(2).unwrap();
        let (_a, _b) = (semaphore.acquire().unwrap(), semaphore.acquire().unwrap());
        assert!(semaphore.try_acquire().unwrap().is_none(), "{version}");
        let bounded = manager.bounded_semaphore(1).unwrap();
        bounded.acquire().unwrap().release().unwrap();
        assert_eq!(raised(bounded.proxy().call::<()>("release", &())).1, "ValueError", "{version}");
    });
}

#[test]
fn events_conditions_and_barriers_wake_who_waits() {
    each(|version, manager, _| {
        let event = manager.event().unwrap();
        assert!(!event.is_set().unwrap());
        assert!(!event.wait_timeout(Duration::from_millis(20)).unwrap(), "{version}");
        let waiting = thread::spawn({
            let event = event.clone();
            move || event.wait().unwrap()
        });
        event.set().unwrap();
        waiting.join().unwrap();
        assert!(event.is_set().unwrap());

        let condition = manager.condition().unwrap();
        let (ready, is_ready) = mpsc::channel();
        let waiting = thread::spawn({
            let condition = condition.clone();
            move || {
                let guard = condition.acquire().unwrap();
                ready.send(()).unwrap();
                condition.wait(&guard).unwrap();
            }
        });
        is_ready.recv().unwrap();
        // The lock is ours only once the other waits.
        let guard = condition.acquire().unwrap();
        condition.notify_one(&guard).unwrap();
        guard.release().unwrap();
        waiting.join().unwrap();

        if is_2(version) {
            assert_eq!(raised(manager.barrier(2)).1, "KeyError", "2.7 has none");
            return;
        }
        let barrier = manager.barrier(2).unwrap();
        assert_eq!(barrier.parties().unwrap(), 2);
        let other = thread::spawn({
            let barrier = barrier.clone();
            move || barrier.wait().unwrap()
        });
        let mut places = [barrier.wait().unwrap(), other.join().unwrap()];
        places.sort_unstable();
        assert_eq!(places, [0, 1], "{version}");
        let (_, name, _) = raised(barrier.wait_timeout(Duration::from_millis(20)));
        assert_eq!(name, "BrokenBarrierError", "{version}");
    });
}

#[test]
fn a_proxy_is_a_value_that_any_stock_python_can_use() {
    let clients = few_pythons();
    each(|version, manager, _| {
        let robot = manager.create("Robot", &("Marvin",)).unwrap();
        let list = manager.list::<Reference>().unwrap();
        // 3.6 to 3.8 cannot read a proxy of their own objects that AutoProxy made (`manager_owned`), and
        // 2.7 puts what it refers to into the list instead.
        if version < Version::new(3, 9) {
            assert_eq!(list.push(&robot.reference()).is_err(), !is_2(version), "{version}");
            return;
        }
        list.push(&robot.reference()).unwrap();
        let reference = list.get(0).unwrap().unwrap();
        assert_eq!((reference.typeid(), reference.ident()), ("Robot", robot.ident()), "{version}");
        let attached = manager.attach(&reference).unwrap();
        assert_eq!(attached.call::<(i32, i32)>("move", &(1, 1)).unwrap(), (1, 1));
        let reads = |python: &&Python| version.default_protocol() <= python.version.highest_protocol();
        for python in clients.iter().filter(|python| python.version.major == 3).filter(reads) {
            let arguments = [&*manager.address().to_string(), list.proxy().ident()];
            let shown = Peer::start(python, "holder.py", &arguments).line();
            assert!(shown.starts_with("AutoProxy[Robot] ("), "{version}, {}: {shown}", python.version);
        }
    });
}

#[test]
fn a_call_ends_at_its_deadline_and_the_next_one_works() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let address = peer.line();
        let mut timeouts = sabir::Timeouts::all(Duration::from_secs(30));
        timeouts.call = Some(Duration::from_secs(1));
        let manager = context().timeouts(timeouts).manager(&address).unwrap();
        let queue = manager.queue::<u32>(0).unwrap();
        // A method that is told how long to wait may wait so long, and is not taken for a call that takes too long.
        let waited = Instant::now();
        assert_eq!(queue.get_timeout(Duration::from_millis(1700)).unwrap(), None, "{}", python.version);
        assert!(waited.elapsed() >= Duration::from_millis(1700));
        let started = Instant::now();
        assert!(queue.get().unwrap_err().is_timeout());
        assert!(started.elapsed() < Duration::from_secs(10));
        // The request that was given up still waits at the server, which may take one of the items for it.
        queue.put(&1).unwrap();
        queue.put(&2).unwrap();
        assert!([1, 2].contains(&queue.get().unwrap()), "{}", python.version);
    }
}

#[test]
fn a_manager_that_dies_is_an_error_and_one_that_returns_is_reached_again() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "manager.py", &[]);
        let address = peer.line();
        let manager = context().manager(&address).unwrap();
        let robot = manager.create("Robot", &("Marvin",)).unwrap();
        robot.call::<(i32, i32)>("move", &(1, 2)).unwrap();
        peer.kill();
        assert!(robot.call::<(i32, i32)>("move", &(1, 2)).is_err());
        let mut peer = Peer::start(&python, "manager.py", &[&address]);
        assert_eq!(peer.line(), address);
        let error = robot.call::<(i32, i32)>("move", &(1, 2));
        assert!(matches!(error, Err(Error::Remote(_))), "the new one does not know it: {error:?}");
        drop(robot);
        let robot = manager.create("Robot", &("Marvin",)).unwrap();
        assert_eq!(robot.call::<(i32, i32)>("move", &(1, 2)).unwrap(), (1, 2), "{}", python.version);
        manager.shutdown().unwrap();
        // A stock server takes a moment to end.
        let deadline = Instant::now() + Duration::from_secs(10);
        while manager.number_of_objects().is_ok() {
            assert!(Instant::now() < deadline, "{}", python.version);
            thread::sleep(Duration::from_millis(20));
        }
    }
}
