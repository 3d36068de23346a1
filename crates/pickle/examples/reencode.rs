//! Reads a pickle on standard input and writes it at another protocol: `reencode 2 < in.pickle > out.pickle`.

use std::io::{Read, Write};

use sabir_pickle::{DumpOptions, Graph, MemoStyle};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let protocol = arguments.next().ok_or("usage: reencode PROTOCOL [everything]")?.parse()?;
    let memo = if arguments.next().is_some() { MemoStyle::Everything } else { MemoStyle::Shared };
    let mut pickle = Vec::new();
    std::io::stdin().read_to_end(&mut pickle)?;
    let graph = Graph::from_slice(&pickle)?;
    let options = DumpOptions { memo, ..DumpOptions::protocol(protocol) };
    std::io::stdout().write_all(&graph.dump(&options)?)?;
    Ok(())
}
