//! Every Python on this machine at the other end: its stock clients, with the server held by a driver of a few lines, a
//! thread per connection; and its stock server, with a client of as few.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod client;
mod counter;
mod driver;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use driver::Driver;

#[test]
fn stock_clients_create_call_raise_nest_and_leave_nothing() {
    for python in pythons() {
        let driver = Driver::start();
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/client.py");
        let output = Command::new(&python).args([client, &driver.port().to_string()]).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out == "fine\n", "{}\n{out}\n{err}", python.display());
        driver.wait_until_empty();
    }
}

#[test]
fn stock_servers_are_asked_and_understood_and_left_as_they_were() {
    for python in pythons() {
        println!("{}", python.display());
        client::uses(&python);
    }
}

/// Those of `SABIR_PYTHONS` (paths as in `PATH`), else those of pyenv. That there are none is said aloud, and is a failure
/// where `CI` is `true`.
fn pythons() -> Vec<PathBuf> {
    let listed = env::var_os("SABIR_PYTHONS").map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
    let paths = listed.unwrap_or_else(|| {
        let versions = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".pyenv/versions");
        let entries = std::fs::read_dir(versions).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join("bin/python")).collect()
    });
    let found: Vec<PathBuf> = paths.into_iter().filter(|path| path.exists()).collect();
    if found.is_empty() {
        assert!(env::var("CI").as_deref() != Ok("true"), "no Python found, set SABIR_PYTHONS");
        println!("skipped: no Python found, set SABIR_PYTHONS");
    }
    found
}
