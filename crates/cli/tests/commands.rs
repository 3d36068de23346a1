//! The other commands with real Pythons and real pipes.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use std::io::Read as _;
use std::process::Stdio;

use support::{Folder, Process, pythons, sabir};

#[test]
fn the_tour_fails_as_it_should_and_then_succeeds() {
    let Some(_) = pythons(&[(2, 7), (3, 6), (3, 13)]) else { return };
    let done = Process::start(sabir(["tour"])).finish();
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{text}\n{}", done.errors);
    assert!(text.contains("server | ValueError: unsupported pickle protocol"), "{text}");
    assert!(text.contains("client | received 42 crates of cloves and pepper"), "{text}");
    assert!(text.contains("client | withdraw(1000) raises ValueError: only 70 left"), "{text}");
    assert!(text.contains("3.6 | gets the bottle of 2.7: pepper, cloves"), "{text}");
    assert!(text.contains("3.13 | the logbook has "), "{text}");
}

/// The tour where there is this Python and no other.
fn tour_with_only(version: (u8, u8)) -> Option<String> {
    let found = pythons(&[version])?;
    let folder = Folder::new(&format!("only-{}.{}", version.0, version.1));
    let name = folder.path().join(format!("python{}.{}", version.0, version.1));
    std::os::unix::fs::symlink(&found[0].executable, name).expect("the folder is ours");
    let mut command = sabir(["tour"]);
    command.env("PATH", folder.path()).env("HOME", "/nonexistent").env_remove("SABIR_PYTHONS");
    let done = Process::start(command).finish();
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{text}\n{}", done.errors);
    assert!(text.contains("client | received 42 crates of cloves and pepper"), "{text}");
    let itself = format!("gets the bottle of {}.{}: pepper, cloves", version.0, version.1);
    assert!(text.contains(&itself), "{text}");
    Some(text)
}

#[test]
fn the_tour_plays_the_old_python_where_there_is_none() {
    let Some(text) = tour_with_only((3, 13)) else { return };
    assert!(text.contains("plays a Python 2.7 itself"), "{text}");
    assert!(text.contains("server | ValueError: unsupported pickle protocol: 4"), "{text}");
}

#[test]
fn the_tour_plays_the_new_python_where_there_is_none() {
    let Some(text) = tour_with_only((2, 7)) else { return };
    assert!(text.contains("plays a Python 3.13 itself"), "{text}");
    assert!(text.contains("client | ValueError: unsupported pickle protocol: 4"), "{text}");
}

#[test]
fn the_tour_takes_whom_it_is_told_and_says_if_they_talk_anyway() {
    let Some(_) = pythons(&[(3, 6), (3, 13)]) else { return };
    let done = Process::start(sabir(["tour", "--server", "3.13", "--client", "3.6"])).finish();
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{text}\n{}", done.errors);
    assert!(text.contains("server.py: Python 3.13    client.py: Python 3.6"), "{text}");
    assert_eq!(text.matches("understand each other as they are").count(), 2, "{text}");
    assert!(!text.contains("unsupported pickle protocol") && !text.contains("itself"), "{text}");
}

#[test]
fn the_tour_without_any_python_says_what_to_install() {
    let mut command = sabir(["tour"]);
    command.env("PATH", "").env("HOME", "/nonexistent").env_remove("SABIR_PYTHONS");
    let done = Process::start(command).finish();
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.lines.join("\n").contains("SABIR_PYTHONS="), "{done:?}");
}

#[test]
fn completions_and_the_man_page_name_every_command() {
    for args in [&["man"][..], &["completions", "bash"], &["completions", "zsh"], &["completions", "fish"]] {
        let done = Process::start(sabir(args)).finish();
        let text = done.lines.join("\n");
        assert_eq!(done.code, Some(0));
        for command in ["gateway", "doctor", "pickle", "tour", "handshake"] {
            assert!(text.to_lowercase().contains(command), "{args:?} lacks {command}");
        }
    }
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let folder = Folder::new("pipe");
    // As much as no pipe holds.
    let mut pickle = b"\x80\x02(".to_vec();
    pickle.extend(b"N".repeat(200_000));
    pickle.extend(b"t.");
    let file = folder.file("long.pickle", pickle);
    for command in ["dis", "json", "convert"] {
        let mut child = sabir(["pickle", command, &file])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut errors).expect("it is text");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{command}: {errors}");
    }
}

#[test]
fn what_is_converted_for_2_7_is_read_by_2_7() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let folder = Folder::new("convert");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let write = "import pickle, sys, datetime\nvalue = {'when': datetime.datetime(2020, 1, 1), 'raw': b'\\xff', 'set': {1}}\n\
                 pickle.dump(value, open(sys.argv[1], 'wb'), 4)";
    let read = "import pickle, sys\nvalue = pickle.load(open(sys.argv[1], 'rb'))\n\
                print(value['when'].year, value['raw'] == b'\\xff', value['set'] == set([1]))";
    let python = |index: usize, program: &str, file: &std::path::Path| {
        let mut command = std::process::Command::new(&found[index].executable);
        command.arg("-c").arg(program).arg(file);
        Process::start(command).finish()
    };
    assert_eq!(python(1, write, &from).code, Some(0));
    let mut command = sabir(["pickle", "convert", "--for", "2.7", "-o"]);
    command.arg(&to).arg(&from);
    assert_eq!(Process::start(command).finish().code, Some(0));
    assert_eq!(python(0, read, &to).lines, ["(2020, True, True)"]);
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_no_answer() {
    let folder = Folder::new("full");
    let file = folder.file("none.pickle", b"\x80\x02N.");
    for args in
        [&["pickle", "check", &file][..], &["pickle", "dis", &file], &["pickle", "json", &file], &["man"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = sabir(args).stdout(full).output().expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.starts_with("sabir: cannot write the output: No space left"), "{args:?}: {errors}");
    }
}
