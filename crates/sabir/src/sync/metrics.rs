//! What a running server counts, as Prometheus reads it.

use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sabir_manager::types::Row;
use sabir_net::Error;

use super::state::State;

/// What a server counts, while it runs and after.
#[derive(Clone)]
pub struct Metrics {
    pub(super) state: Arc<State>,
}

impl Metrics {
    /// The figures of this moment, in the text format of Prometheus (0.0.4).
    ///
    /// It takes a look at each object, and calls wait meanwhile: some milliseconds for a million of them.
    #[must_use]
    pub fn text(&self) -> String {
        let counts = &self.state.counts;
        let now = self.state.figures();
        let mut page = Page::default();
        page.one("sabir_connections", Kind::Gauge, "Connections that there are.", now.connections);
        page.one(
            "sabir_handshakes",
            Kind::Gauge,
            "Those of them that have not proved the key yet.",
            counts.handshakes.get(),
        );
        page.one(
            "sabir_connections_accepted_total",
            Kind::Counter,
            "Connections accepted.",
            counts.accepted.get(),
        );
        page.head(
            "sabir_connections_refused_total",
            Kind::Counter,
            "Connections that were not let in, by reason.",
        );
        for (reason, count) in Refusal::ALL.iter().zip(&counts.refused) {
            page.row("sabir_connections_refused_total", "reason", reason.name(), count.get());
        }
        page.one(
            "sabir_requests_total",
            Kind::Counter,
            "Messages of clients that were let in.",
            counts.requests.get(),
        );
        page.one(
            "sabir_received_bytes_total",
            Kind::Counter,
            "Bytes of those messages.",
            counts.received.get(),
        );
        page.one("sabir_sent_bytes_total", Kind::Counter, "Bytes of the replies.", counts.sent.get());
        let columns: [Column; 4] = [
            ("sabir_objects", Kind::Gauge, "Shared objects that there are.", |row| row.objects),
            ("sabir_objects_created_total", Kind::Counter, "Shared objects that were made.", |row| row.made),
            ("sabir_calls_total", Kind::Counter, "Calls of methods.", |row| row.calls),
            (
                "sabir_call_errors_total",
                Kind::Counter,
                "Calls that raised; that of a get which waited in vain too.",
                |row| row.raised,
            ),
        ];
        for (name, kind, help, count) in columns {
            page.head(name, kind, help);
            for &(typeid, row) in &now.types {
                page.row(name, "type", typeid, count(row));
            }
        }
        page.one("sabir_waiting_calls", Kind::Gauge, "Calls that wait for another client.", now.waiting);
        page.one("sabir_references", Kind::Gauge, "Proxies that clients count with.", now.references);
        page.one("sabir_uptime_seconds", Kind::Gauge, "Since the server started.", now.seconds);
        page.text
    }
}

/// What happens outside of the server's own state.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) accepted: Count,
    pub(super) handshakes: Count,
    pub(super) requests: Count,
    pub(super) received: Count,
    pub(super) sent: Count,
    refused: [Count; Refusal::ALL.len()],
}

impl Counts {
    /// Takes note of a connection that is not let in.
    pub(super) fn refuse(&self, reason: Refusal) {
        self.refused[reason as usize].add(1);
    }
}

/// A number that many tasks count at.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn take(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a connection is not let in.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// There are as many as there may be.
    Full,
    /// Too many had proved nothing, and it was the oldest.
    Crowded,
    /// Its key, or its proof.
    Key,
    /// Its certificate.
    Certificate,
    /// It took too long.
    Timeout,
    /// It went, or spoke something else.
    Broken,
}

impl Refusal {
    const ALL: [Refusal; 6] = [
        Refusal::Full,
        Refusal::Crowded,
        Refusal::Key,
        Refusal::Certificate,
        Refusal::Timeout,
        Refusal::Broken,
    ];

    pub(super) fn of(error: &Error) -> Refusal {
        match error {
            Error::Certificate { .. } => Refusal::Certificate,
            Error::Timeout { .. } => Refusal::Timeout,
            error if error.is_wrong_key() => Refusal::Key,
            _ => Refusal::Broken,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Refusal::Full => "full",
            Refusal::Crowded => "crowded",
            Refusal::Key => "key",
            Refusal::Certificate => "certificate",
            Refusal::Timeout => "timeout",
            Refusal::Broken => "broken",
        }
    }
}

/// A metric with a figure for each type: its name, what it is, and where in a row it is.
type Column = (&'static str, Kind, &'static str, fn(Row) -> u64);

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // A String takes whatever is written.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn row(&mut self, name: &str, label: &str, value: &str, figure: impl Display) {
        let _ = writeln!(self.text, "{name}{{{label}=\"{value}\"}} {figure}");
    }

    fn one(&mut self, name: &str, kind: Kind, help: &str, figure: impl Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.text, "{name} {figure}");
    }
}
