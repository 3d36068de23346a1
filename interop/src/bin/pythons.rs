//! Lists the Pythons that the live tests use: version, full version and executable, with tabs between.

use sabir_interop::interpreters;

fn main() {
    for interpreter in interpreters::find() {
        let python = interpreter.python;
        println!("{}\t{}\t{}", python.version, python.full_version, python.executable.display());
    }
}
