//! Logs go to standard error; standard output is for what a script waits for.

mod json;

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format;

use crate::printable::Printable;

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// Nothing.
    Off,
    /// What makes the program end.
    Error,
    /// What goes wrong with one connection.
    Warn,
    /// What a user may want to know.
    #[default]
    Info,
    /// Every connection.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// Whether what a user may want to know is logged.
    pub(crate) fn shows_info(self) -> bool {
        matches!(self, Level::Info | Level::Debug | Level::Trace)
    }
}

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object a line, for programs that gather logs.
    Json,
}

/// How is logged.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// How much is logged
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    pub(crate) log: Level,
    /// In which form
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
}

/// Begins to log.
pub(crate) fn start(args: LogArgs) {
    let level = match args.log {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let terminal = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A peer chooses much of what is logged, and must not write lines of its own, nor any that a user would copy.
    let fields = format::debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{:?}", Printable(value)),
        name => write!(writer, "{name}={:?}", Printable(value)),
    });
    if args.log_format == LogFormat::Json {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            .with_ansi(false)
            .fmt_fields(json::Json)
            .event_format(json::Json);
        let _ = subscriber.try_init();
        return;
    }
    let subscriber = tracing_subscriber::fmt()
        .fmt_fields(fields.delimited(" "))
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(terminal)
        .with_target(false);
    // It fails only if there is a subscriber already.
    let _ = subscriber.try_init();
}
