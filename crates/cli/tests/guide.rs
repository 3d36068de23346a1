//! The pages of the guide: their programs are written to files, their commands run, and what these print is what the page says.
//!
//! A block `python NAME` is a file; in a block `console` a line with `$` is a command, with `&` at its end one that goes on.
//! Blocks `console tls` run where the program has TLS.
#![cfg(unix)]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of the helpers")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use support::{Folder, Process, pythons};

#[test]
fn every_page_of_the_guide_does_what_it_says() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let mut run = 0;
    for entry in fs::read_dir(pages).expect("the guide") {
        let path = entry.expect("a page").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let folder = Folder::new(&format!("guide-{name}"));
        for (python, command) in found.iter().zip(["python2.7", "python3"]) {
            symlink(&python.executable, folder.path().join(command)).expect("a link");
        }
        let text = fs::read_to_string(&path).expect("it is text");
        run += follow(&with_free_ports(text), folder.path(), &name);
    }
    assert!(run >= 10, "{run} commands only");
}

/// The page with other ports, since those of the page may be in use.
fn with_free_ports(mut text: String) -> String {
    let held: Vec<_> = ["5000", "6000", "7000", "8443", "9000", "9443"]
        .map(|port| (port, std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free")))
        .into();
    for (port, listener) in &held {
        let free = listener.local_addr().expect("it is bound").port().to_string();
        text = text.replace(port, &free);
    }
    text
}

/// Does what a page says, in a folder; how many commands that were.
fn follow(page: &str, folder: &Path, name: &str) -> usize {
    let path = format!(
        "{}:{}:{}",
        folder.display(),
        Path::new(env!("CARGO_BIN_EXE_sabir")).parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut running = Vec::new();
    let mut count = 0;
    for (kind, block) in blocks(page) {
        if let Some(file) = kind.strip_prefix("python ") {
            fs::write(folder.join(file), &block).expect("it can be written");
        }
        if kind != "console" && !(kind == "console tls" && has_tls()) {
            continue;
        }
        let block = block.replace("\\\n", "");
        for step in block.split("$ ").skip(1) {
            let (line, said) = step.split_once('\n').expect("a line");
            let (line, goes_on) = match line.strip_suffix(" &") {
                Some(line) => (line, true),
                None => (line, false),
            };
            count += 1;
            let mut command = Command::new("sh");
            command.args(["-c", &format!("exec {line}")]).current_dir(folder).env("PATH", &path);
            if !goes_on {
                // A redirection or a pipe is more than one program.
                command = Command::new("sh");
                command.args(["-c", line]).current_dir(folder).env("PATH", &path);
            }
            let mut process = Process::start(command);
            if goes_on {
                for said in said.lines() {
                    assert_eq!(process.line(), said, "{name}: {line}");
                }
                running.push(process);
            } else {
                let done = process.finish();
                assert_eq!(done.lines.join("\n"), said.trim_end(), "{name}: {line}\n{}", done.errors);
                assert_eq!(done.code, Some(0), "{name}: {line}\n{}", done.errors);
            }
        }
    }
    count
}

/// Whether the program has TLS, and there is what makes certificates.
fn has_tls() -> bool {
    let openssl =
        || Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !cfg!(feature = "tls") || openssl() {
        return cfg!(feature = "tls");
    }
    assert!(std::env::var_os("CI").is_none(), "openssl is absent");
    eprintln!("SKIPPED: the commands of TLS, for openssl is absent");
    false
}

/// The blocks of a page, each with what is written beside its fence.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((kind, block.join("\n") + "\n"));
        }
    }
    found
}
