//! A folder of `cases` is a test: the arguments in its `cmd`, run there, must print its `stdout` and `stderr` and end with its
//! `code`. `SABIR_BLESS=1 cargo test -p sabir-cli --test cases` writes what is printed now, to be read before it is committed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn every_case_prints_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("there are cases")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    names.sort();
    assert!(names.len() > 20, "the cases are where they are looked for");
    let failures: Vec<String> = names.iter().filter_map(|case| run(case).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn run(case: &Path) -> Result<(), String> {
    let args = fs::read_to_string(case.join("cmd")).expect("a case has a cmd");
    let output = Command::new(env!("CARGO_BIN_EXE_sabir"))
        .args(args.split_whitespace())
        .current_dir(case)
        .env("COLUMNS", "100")
        .env_remove("SABIR_ABSENT")
        .env("SABIR_EMPTY", "")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let code = output.status.code().expect("no signal ended it").to_string();
    let found = [("stdout", output.stdout), ("stderr", output.stderr), ("code", (code + "\n").into())];
    for (name, found) in found {
        let file = case.join(name);
        let expected = fs::read(&file).unwrap_or_default();
        if found == expected {
            continue;
        }
        if std::env::var_os("SABIR_BLESS").is_some() {
            fs::write(&file, &found).expect("the case can be written");
            continue;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        return Err(format!(
            "{}, {name}: expected\n{}\nfound\n{}",
            case.display(),
            text(&expected),
            text(&found)
        ));
    }
    Ok(())
}
