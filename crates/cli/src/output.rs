//! Standard output, whose failures say that they are.

use std::io::{self, BufWriter, StdoutLock, Write};

/// Standard output, buffered: [`flush`](Write::flush) it at the end.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

/// Takes standard output.
pub(crate) fn stdout() -> Output {
    Output(BufWriter::new(io::stdout().lock()))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|error| named(&error))
    }
}

/// The kind stays, since a closed pipe is no failure.
fn named(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write the output: {error}"))
}
