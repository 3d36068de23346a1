//! `sabir call`: one method of one object of any manager, from a shell.

use std::io::Write as _;
use std::time::Duration;

use sabir::net::Address;
use sabir::pickle::{Graph, Names, Pythons, Translation};
use sabir::sync::{Arguments, Value};
use sabir::{Context, Timeouts};

use super::pickle::json;
use crate::exit::Usage;
use crate::keys::KeyArgs;
use crate::tls::ConnectTlsArgs;
use crate::{literal, output, values};

/// Call a method of an object of any manager, and print what it returns
///
/// The object is what the manager makes for TYPE: a new one, or, if the manager gives all clients the
/// same, that one. Arguments are Python literals, or NAME=LITERAL; JSON is taken too. A function of the
/// server itself is written with a colon: `:debug_info`, `:number_of_objects`, `:shutdown`.
///
///   sabir call 127.0.0.1:5000 config.get "'answer'" --authkey-file key
///   sabir call 127.0.0.1:5000 jobs.put "{'id': 7}" block=False --authkey-file key
///   sabir call 127.0.0.1:5000 :debug_info --authkey-file key
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CallArgs {
    /// Where the manager listens
    #[arg(value_name = "ADDR", value_parser = values::server)]
    address: Address,
    /// What to call: TYPE.METHOD, TYPE(ARGS).METHOD, or :FUNCTION of the server
    #[arg(value_name = "TYPE.METHOD")]
    method: String,
    /// A Python literal, as 7, "'text'" or "[1, None]"; NAME=LITERAL for an argument by its name
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// How long to wait for the answer; default: for ever
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    tls: ConnectTlsArgs,
}

/// Exits with 1 if the method raised.
pub(crate) fn run(args: &CallArgs) -> anyhow::Result<()> {
    let arguments = literal::arguments(&args.args).map_err(Usage)?;
    let what = What::of(&args.method)?;
    let timeouts = Timeouts::default().call(args.timeout);
    let mut context = args.tls.context(Context::new().timeouts(timeouts), &args.address)?;
    if let Some(key) = args.key.key()? {
        context = context.authkey(key);
    }
    let result = called(&context, &args.address, &what, &arguments).map_err(|error| match error {
        sabir::Error::Net(error) => anyhow::Error::from(error),
        sabir::Error::Remote(raised) => anyhow::anyhow!("{raised}"),
        error => anyhow::Error::from(error),
    })?;
    let mut out = output::stdout();
    if args.json {
        // The graph of the reply holds the reply too.
        let mut graph = Value::read(result, &Names::builtin()).to_graph();
        // A `str` of Python 2 is text here as it is for Python 3.
        Translation::default().apply(&mut graph, Pythons::ANY, Pythons::PY3, 5)?;
        json::write(&graph, &mut out)?;
        writeln!(out)?;
    } else {
        let root = result.root();
        match result.text(root).filter(|_| what.is_text()) {
            Some(text) => writeln!(out, "{text}")?,
            None => writeln!(out, "{}", Value::read(result, &Names::builtin()).repr())?,
        }
    }
    out.flush()?;
    Ok(())
}

enum What {
    Function(String),
    Method { typeid: String, arguments: Arguments, method: String },
}

impl What {
    fn of(text: &str) -> Result<What, Usage> {
        if let Some(function) = text.strip_prefix(':') {
            return Ok(What::Function(function.to_owned()));
        }
        let (made, method) = text.rsplit_once('.').ok_or_else(|| {
            Usage(format!("{text:?} names no method: write TYPE.METHOD, as in config.keys, or :debug_info"))
        })?;
        let (typeid, arguments) = literal::made(made).map_err(Usage)?;
        Ok(What::Method { typeid, arguments, method: method.to_owned() })
    }

    /// Whether the result is a text that is for people.
    fn is_text(&self) -> bool {
        match self {
            What::Function(name) => name == "debug_info",
            What::Method { method, .. } => matches!(&**method, "__str__" | "__repr__"),
        }
    }
}

fn called(context: &Context, address: &Address, what: &What, given: &Arguments) -> sabir::Result<Graph> {
    let manager = context.manager(address)?;
    let (graph, args, kwargs) = given.add(Graph::new());
    match what {
        What::Function(name) => manager.function(name, graph, &args, kwargs),
        What::Method { typeid, arguments, method } => {
            let (made, with, named) = arguments.add(Graph::new());
            let object = manager.create_of(typeid, made, &with, named)?;
            object.call_of(method, graph, &args, kwargs)
        }
    }
}
