//! Medians with spread, side by side.

/// Figures of every workload and peer, over all rounds, in the order they were first measured.
#[derive(Default)]
pub(crate) struct Table {
    workloads: Vec<Workload>,
}

struct Workload {
    name: String,
    peers: Vec<Peer>,
}

struct Peer {
    name: String,
    values: Vec<f64>,
}

impl Table {
    /// Adds one round's figure.
    pub(crate) fn add(&mut self, workload: &str, peer: &str, value: f64) {
        let at = self.workloads.iter().position(|w| w.name == workload).unwrap_or_else(|| {
            self.workloads.push(Workload { name: workload.into(), peers: Vec::new() });
            self.workloads.len() - 1
        });
        let peers = &mut self.workloads[at].peers;
        match peers.iter_mut().find(|p| p.name == peer) {
            Some(known) => known.values.push(value),
            None => peers.push(Peer { name: peer.into(), values: vec![value] }),
        }
    }

    /// Prints the table. `base` names the peer that the ratios compare with.
    pub(crate) fn print(&self, unit: &str, base: &str) {
        println!("| workload | peer | median, {unit} | min to max | x {base} |\n|---|---|---:|---|---:|");
        for Workload { name: workload, peers } in &self.workloads {
            let reference = peers.iter().find(|p| p.name == base).map(|p| median(&p.values));
            for Peer { name: peer, values } in peers {
                let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
                let ratio = reference.map_or(String::new(), |r| format!("{:.2}", median(values) / r));
                println!(
                    "| {workload} | {peer} | {} | {} to {} | {ratio} |",
                    short(median(values)),
                    short(low),
                    short(high)
                );
            }
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Three digits that say something.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
