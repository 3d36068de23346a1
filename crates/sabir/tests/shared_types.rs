//! `#[sabir::shared]` goes by what types are, not by how they are spelled.
#![cfg(all(unix, feature = "server", feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;

use sabir::Context;
use sabir::manager::Manager;
use sabir::server::{Exception, Object, Running, Server};
use serde::Serialize;

type Fallible<T> = Result<T, Exception>;
type Kept = Object<Part>;

/// A value of the program's own that is called as something else is.
#[derive(Serialize)]
struct Outcome {
    value: u32,
}

mod other {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(crate) struct Object<T>(pub(crate) T);
}

struct Part;

#[sabir::shared]
impl Part {
    fn name(&self) -> &str {
        "part"
    }
}

struct Machine {
    part: Arc<Part>,
    upstream: Option<Manager>,
}

#[sabir::shared]
impl Machine {
    fn check(&self, limit: u32) -> Fallible<u32> {
        if limit > 10 { Err(Exception::value_error(format!("{limit} is above 10"))) } else { Ok(limit) }
    }

    fn part(&self) -> Fallible<Kept> {
        Ok(Object::new(Arc::clone(&self.part)))
    }

    fn is_mine(&self, part: Kept) -> bool {
        Arc::ptr_eq(&part.into_inner(), &self.part)
    }

    fn wrapped(&self, value: other::Object<u32>) -> other::Object<u32> {
        other::Object(value.0 + 1)
    }

    fn unnamed(&self) -> impl Serialize {
        [1, 2, 3]
    }

    fn named(&self, arguments: u32, method: u32, returned: Option<u32>, typeid: Option<String>) -> Outcome {
        let _ = typeid;
        Outcome { value: arguments + method + returned.unwrap_or(0) }
    }

    fn ask_upstream(&self) -> Result<u32, sabir::Error> {
        let upstream = self.upstream.as_ref().expect("the test gave one");
        upstream.create("machine", &())?.call("check", &(11,))
    }
}

fn machine(upstream: Option<Manager>) -> Running {
    let mut server = Server::new(&Context::new()).without_authkey();
    server.share("machine", Arc::new(Machine { part: Arc::new(Part), upstream }));
    server.start("127.0.0.1:0").unwrap()
}

#[test]
fn results_and_objects_are_known_by_their_types_under_any_name() {
    let server = machine(None);
    let manager = sabir::manager(server.address()).unwrap();
    let machine = manager.create("machine", &()).unwrap();
    assert_eq!(machine.call::<u32>("check", &(3,)).unwrap(), 3);
    let error = machine.call::<u32>("check", &(11,)).unwrap_err();
    assert!(error.as_remote().unwrap().is("builtins", "ValueError"), "{error}");

    let part = machine.call_proxy("part", &()).unwrap();
    assert_eq!((part.typeid(), &*part.call::<String>("name", &()).unwrap()), ("Part", "part"));
    assert!(machine.call::<bool>("is_mine", &(&part,)).unwrap());

    assert_eq!(machine.call::<u32>("wrapped", &(1,)).unwrap(), 2);
    assert_eq!(machine.call::<[u8; 3]>("unnamed", &()).unwrap(), [1, 2, 3]);
}

#[test]
fn parameters_may_have_any_name() {
    let server = machine(None);
    let machine = sabir::manager(server.address()).unwrap().create("machine", &()).unwrap();
    let sum: std::collections::BTreeMap<String, u32> = machine.call("named", &(1, 2, 3)).unwrap();
    assert_eq!(sum["value"], 6);
    let error = machine.call::<()>("named", &(1, 2, 3, (), 5)).unwrap_err().to_string();
    assert!(error.contains("named() takes 4 positional arguments but 5 were given"), "{error}");
}

#[test]
fn what_another_manager_raised_keeps_its_class() {
    let upstream = machine(None);
    let server = machine(Some(sabir::manager(upstream.address()).unwrap()));
    let machine = sabir::manager(server.address()).unwrap().create("machine", &()).unwrap();
    let error = machine.call::<u32>("ask_upstream", &()).unwrap_err();
    let raised = error.as_remote().unwrap();
    assert!(raised.is("builtins", "ValueError") && raised.text == "11 is above 10", "{raised}");
}

#[test]
fn a_server_starts_and_ends_inside_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = machine(None);
        let manager = sabir::tokio::Manager::connect(&Context::new(), server.address()).await.unwrap();
        assert_eq!(
            manager.create("machine", &()).await.unwrap().call::<u32>("check", &(3,)).await.unwrap(),
            3
        );
        server.shutdown().unwrap();
    });
}

#[test]
fn an_address_that_is_taken_is_an_error_of_start() {
    let server = machine(None);
    let other = Server::new(&Context::new()).without_authkey().start(server.address());
    assert!(other.unwrap_err().to_string().starts_with("cannot listen on 127.0.0.1:"));
}
