//! The yardstick: what a receiver sees of a stock peer of its own version.

use std::collections::HashMap;

use sabir_pickle::Version;

use crate::cell::{Cell, Kind};

/// What stock pairs of one version showed their programs.
#[derive(Debug, Default)]
pub struct Baseline {
    texts: HashMap<(Kind, Version, String), String>,
    graphs: HashMap<String, String>,
}

/// A contradiction within the baseline itself: two texts for one thing.
#[derive(Clone, Debug)]
pub struct Contradiction {
    /// The cell that came second.
    pub cell: Cell,
    /// What the first one had said.
    pub before: String,
}

/// What a cell is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation<'a> {
    /// This text.
    Text(&'a str),
    /// No stock pair of the receiver's version has such a value.
    Nothing,
}

impl Baseline {
    /// Takes in a cell of a direct pair of one version.
    ///
    /// Both directions of a connection must agree, and a random graph must be the same in all versions.
    pub fn learn(&mut self, cell: &Cell) -> Result<(), Contradiction> {
        let text = if is_graph(cell) {
            self.graphs.entry(cell.value().to_owned()).or_insert_with(|| cell.text.clone())
        } else if cell.sent.is_some() {
            return Ok(());
        } else {
            self.texts.entry((cell.kind, cell.to, cell.name.clone())).or_insert_with(|| cell.text.clone())
        };
        if *text == cell.text {
            Ok(())
        } else {
            Err(Contradiction { cell: cell.clone(), before: text.clone() })
        }
    }

    /// What the cell should show.
    pub fn expected<'a>(&'a self, cell: &'a Cell) -> Expectation<'a> {
        if let Some(sent) = &cell.sent {
            return Expectation::Text(sent);
        }
        let text = if is_graph(cell) {
            self.graphs.get(cell.value())
        } else {
            self.texts.get(&(cell.kind, cell.to, readable(cell)))
        };
        text.map_or(Expectation::Nothing, |text| Expectation::Text(text))
    }
}

/// The name under which a stock pair has it: at a protocol that the receiver's own version can write, since a 2.7 program
/// never wrote protocol 4; and who wrote first makes no difference to a stock pair.
fn readable(cell: &Cell) -> String {
    if cell.manner() == "blind" {
        return format!("send:{}", cell.value());
    }
    match cell.manner().strip_prefix("pickle").and_then(|digits| digits.parse::<u8>().ok()) {
        Some(protocol) => format!("pickle{}:{}", protocol.min(cell.to.highest_protocol()), cell.value()),
        None => cell.name.clone(),
    }
}

fn is_graph(cell: &Cell) -> bool {
    cell.value().starts_with("graph_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(name: &str, to: Version, text: &str) -> Cell {
        Cell { kind: Kind::Connection, from: to, to, name: name.into(), text: text.into(), sent: None }
    }

    #[test]
    fn a_receiver_is_measured_by_its_own_version_at_a_protocol_that_it_has() {
        let (old, new) = (Version::new(2, 7), Version::new(3, 13));
        let mut baseline = Baseline::default();
        baseline.learn(&cell("pickle2:native_str", old, "str 'a'")).unwrap();
        baseline.learn(&cell("pickle4:native_str", new, "str 'b'")).unwrap();
        let arrived = cell("pickle4:native_str", old, "unicode 'a'");
        assert_eq!(baseline.expected(&arrived), Expectation::Text("str 'a'"));
        assert_eq!(baseline.expected(&cell("pickle3:native_str", new, "")), Expectation::Nothing);
    }

    #[test]
    fn a_graph_that_differs_between_versions_contradicts() {
        let mut baseline = Baseline::default();
        baseline.learn(&cell("graph_1", Version::new(2, 7), "aa")).unwrap();
        baseline.learn(&cell("see:graph_1", Version::new(3, 6), "aa")).unwrap();
        assert!(baseline.learn(&cell("graph_1", Version::new(3, 6), "bb")).is_err());
    }
}
