//! What the fuzzers run. `fuzz/` has a target for each.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::sync::LazyLock;

use bytes::Bytes;

use super::{Choices, arbitrary_graph, same};
use crate::dump::{DumpOptions, MemoStyle};
use crate::error::{Category, ErrorKind};
use crate::graph::{Graph, Make, Node, NodeId};
use crate::lex::Lexer;
use crate::limits::Limits;
use crate::op::Op;
use crate::opcode::{Opcode, OpcodeSet};
use crate::report::{Target, Verdicts};
use crate::version::{Pythons, Version};
use crate::{Names, Py2Str, Py2Text, Translation, dis, emit_op, lower, report, scan};

/// Any bytes are opcodes and then an error or STOP, and the opcodes are written back to the same bytes.
pub fn fuzz_lex(data: &[u8]) {
    let mut out = Vec::new();
    let mut lexer = Lexer::new(data);
    let mut failed = false;
    for op in lexer.by_ref() {
        match op {
            Ok(op) => {
                assert_eq!((op.start, op.op.opcode().byte()), (out.len(), data[op.start]));
                emit_op(&op.op, &mut out).expect("what was read can be written");
                assert_eq!(op.end, out.len());
            }
            Err(error) => {
                assert_eq!((error.offset(), error.category()), (Some(out.len() as u64), Category::Malformed));
                failed = true;
            }
        }
    }
    assert_eq!(out, data[..out.len()]);
    let scan = scan(data);
    assert_eq!(scan.is_err(), failed);
    assert!(scan.is_ok_and(|scan| scan.length == out.len()) || failed);
}

/// Any bytes are a graph or an error, of no more nodes than bytes and three; and a graph is the same after dump and load.
pub fn fuzz_load(data: &[u8]) {
    let graph = match Graph::load(Bytes::copy_from_slice(data), &Limits::DEFAULT) {
        Ok(graph) => graph,
        Err(error) => {
            assert!(error.category() != Category::Unrepresentable, "{error}");
            assert!(error.offset().is_some_and(|offset| offset <= data.len() as u64), "{error}");
            return;
        }
    };
    assert!(graph.len() <= data.len() + 3, "{} nodes of {} bytes", graph.len(), data.len());
    assert!(graph.length() <= data.len());
    for protocol in [graph.protocol(), 5] {
        reload(&graph, &DumpOptions::protocol(protocol));
    }
}

/// Any graph, dumped at any protocol, loads as the same graph, but for the forms that the protocol has for some objects.
pub fn fuzz_dump(data: &[u8]) {
    let graph = arbitrary_graph(&mut Choices::new(data));
    for protocol in 0..=5 {
        for memo in [MemoStyle::Shared, MemoStyle::Everything] {
            for python in [Pythons::ANY, Pythons::PY2, Pythons::PY3] {
                if protocol <= python.readable_protocol() {
                    reload(&graph, &DumpOptions { python, memo, ..DumpOptions::protocol(protocol) });
                }
            }
        }
    }
}

/// Any bytes have a report; for what loads, it lists every name and every call of the graph.
pub fn fuzz_report(data: &[u8]) {
    // The table is of no consequence here, and takes longer to read than most inputs.
    let mut verdicts = Verdicts::empty();
    verdicts.extend("dangerous\tos\tsystem\tx\nharmless\tm\tC\n").expect("two rows");
    let found = report(data, &verdicts);
    assert!(found.length <= data.len());
    let direct: Vec<usize> = Lexer::new(data)
        .map_while(Result::ok)
        .filter(|op| matches!(op.op, Op::Global { .. } | Op::Inst { .. }))
        .map(|op| op.start)
        .collect();
    let reported = found.names.iter().filter(|name| matches!(name.opcode, Opcode::Global | Opcode::Inst));
    assert_eq!(
        reported.map(|name| name.offset).collect::<Vec<_>>(),
        direct,
        "every name that stands in the pickle"
    );
    if data.len() < 4096 {
        assert!(found.to_string().len() > 4);
    }
    let Ok(graph) = Graph::load(Bytes::copy_from_slice(data), &Limits::DEFAULT) else { return };
    assert_eq!(found.error, None, "what loads is not broken");
    // Of long names, the report says only that they are long.
    let short = |module: &str, name: &str| module.len().max(name.len()) <= 80;
    let (mut wanted, mut calls) = (Vec::new(), 0);
    for id in graph.ids() {
        match &graph[id] {
            Node::Global(global) => {
                let [module, name] =
                    [global.module, global.name].map(|blob| String::from_utf8_lossy(graph.blob(blob)));
                wanted.extend(short(&module, &name).then_some((module, name)));
            }
            Node::Object(object) if !matches!(object.make, Make::Given(_)) => calls += 1,
            _ => {}
        }
    }
    let mut listed: Vec<_> = found
        .names
        .iter()
        .filter_map(|name| match &name.target {
            Target::Global { module, name } if short(module, name) => Some((module.clone(), name.clone())),
            _ => None,
        })
        .collect();
    wanted.sort();
    listed.sort();
    assert_eq!(listed, wanted, "a name for each global");
    let called = |opcode| {
        matches!(opcode, Opcode::Reduce | Opcode::NewObj | Opcode::NewObjEx | Opcode::Obj | Opcode::Inst)
    };
    assert_eq!(
        found.calls.iter().filter(|call| called(call.opcode)).count(),
        calls,
        "a call for each object"
    );
}

/// Any bytes have a disassembly, whose rows stand where the lexer finds opcodes, and which ends in one error at most.
pub fn fuzz_dis(data: &[u8]) {
    let mut ops = Lexer::new(data);
    let mut rows = dis(data);
    let mut shown = 0;
    for row in rows.by_ref() {
        let Ok(row) = row else { break };
        let op = ops.next().expect("an opcode for each row").expect("which can be read");
        assert_eq!((row.offset, format!("{:?}", row.op)), (op.start, format!("{:?}", op.op)));
        shown += row.to_string().len();
    }
    assert!(rows.next().is_none());
    // Escapes take four characters for a byte, and a row has some 500 more at the worst.
    assert!(shown <= data.len() * 600 + 5000);
}

/// Any pickle, translated from any Python for any other, is a pickle again, in opcodes of the protocol it was written at; and
/// a Python that reads it could have written it, so that translating it for that Python once more changes nothing.
///
/// `data`: from which Python, for which and at which protocol; the policies for strings; then the pickle.
pub fn fuzz_transcode(data: &[u8]) {
    let [road, policies, pickle @ ..] = data else { return };
    let (from, to) = (PYTHONS[usize::from(road & 3)], PYTHONS[usize::from(road >> 2 & 3)]);
    let protocol = (road >> 4) % (to.readable_protocol() + 1);
    let translation = &TRANSLATIONS[usize::from(*policies) % TRANSLATIONS.len()];
    let Ok(mut graph) = Graph::load(Bytes::copy_from_slice(pickle), &Limits::DEFAULT) else { return };
    let options = DumpOptions { python: to, ..DumpOptions::protocol(protocol) };
    // What of a graph cannot be translated has no other categories than what cannot be dumped.
    let is_told = |error: crate::Error| assert_eq!(error.category(), Category::Unrepresentable, "{error}");
    if let Err(error) = translation.apply(&mut graph, from, to, protocol) {
        return is_told(error);
    }
    if known_defect(&graph) {
        return;
    }
    let once = match graph.dump(&options) {
        Ok(once) => once,
        Err(error) => return is_told(error),
    };
    let found = scan(&once).expect("what is written is a pickle");
    assert_eq!(found.length, once.len());
    assert!(!found.opcodes.intersects(OpcodeSet::newer_than(protocol)), "{}", once.escape_ascii());
    let mut again = match Graph::load(Bytes::from(once.clone()), &Limits::DEFAULT) {
        Ok(again) => again,
        Err(error) if error.category() == Category::Limit => return,
        Err(error) => panic!("{error} in what was translated: {}", once.escape_ascii()),
    };
    // A reader that may be any Python wrote nothing yet: a policy that makes bytes of every `str` would reach our own.
    if to == Pythons::ANY {
        return;
    }
    if let Err(error) = translation.apply(&mut again, to, to, protocol) {
        return is_told(error);
    }
    let twice = again.dump(&options).expect("it was dumped before");
    assert!(
        once == twice,
        "{from} for {to} at {protocol}: {} became {}",
        once.escape_ascii(),
        twice.escape_ascii()
    );
}

const PYTHONS: [Pythons; 4] =
    [Pythons::PY2, Pythons::exactly(Version::new(3, 6)), Pythons::exactly(Version::new(3, 13)), Pythons::ANY];

/// The tables are read once.
static TRANSLATIONS: LazyLock<Vec<Translation>> = LazyLock::new(|| {
    let names = Names::builtin();
    let policies = [Py2Str::Utf8ElseBytes, Py2Str::Latin1, Py2Str::Bytes, Py2Str::Utf8];
    let texts = [Py2Text::Unicode, Py2Text::AsciiStr];
    let all = policies.into_iter().flat_map(|policy| texts.map(|text| (policy, text)));
    all.map(|(policy, text)| Translation::new(names.clone(), policy, text)).collect()
});

/// Dumps and loads a graph, and compares it with what was to be written.
fn reload(graph: &Graph, options: &DumpOptions<'_>) {
    if known_defect(graph) {
        return;
    }
    let dumped = match graph.dump(options) {
        Ok(dumped) => dumped,
        Err(error) => {
            assert_eq!(error.category(), Category::Unrepresentable, "{error}");
            return;
        }
    };
    let loaded = match Graph::load(Bytes::from(dumped.clone()), &Limits::DEFAULT) {
        Ok(loaded) => loaded,
        // Decimal digits have a limit that binary integers do not have.
        Err(error) if *error.kind() == ErrorKind::Limit("digits of an integer") => return,
        Err(error) => panic!("{error} in what was dumped: {}", dumped.escape_ascii()),
    };
    assert_eq!(loaded.length(), dumped.len());
    if !buffers_in_order(graph) {
        return;
    }
    // Byte for byte what a protocol says for sets and the like is the lowering's own business, which real Pythons judge.
    let mut wanted = graph.clone();
    lower::lower(&mut wanted, options).expect("it was dumped");
    if let Err(difference) = same(&wanted, &loaded) {
        let (a, b) = (&wanted[difference.a], &loaded[difference.b]);
        panic!("{difference}, {options:?}: {a:?} became {b:?} in {}", dumped.escape_ascii());
    }
}

/// What `dump` does not get right yet: what a persistent id holds, if that is written twice; what is given to an object that
/// it contains itself, which comes out with its steps in another order; and what is done to a set as if it were a list, where
/// it is written by a call and has a memo entry more than it needs. No pickler writes any of these.
fn known_defect(graph: &Graph) -> bool {
    graph.ids().any(|id| match &graph[id] {
        Node::Object(object) => {
            let lowered = |inner: NodeId| {
                matches!(
                    graph[inner],
                    Node::Set(_) | Node::FrozenSet(_) | Node::Bytes(_) | Node::ByteArray(_)
                )
            };
            matches!(object.make, Make::Given(inner) if lowered(inner) || leads_to(graph, inner, id))
        }
        Node::Persistent(text) => !matches!(graph[*text], Node::None | Node::Bool(_) | Node::Int(_)),
        _ => false,
    })
}

fn leads_to(graph: &Graph, from: NodeId, to: NodeId) -> bool {
    let mut seen = alloc::vec![false; graph.len()];
    let mut ahead = alloc::vec![from];
    while let Some(id) = ahead.pop() {
        if !core::mem::replace(&mut seen[id.index()], true) {
            graph[id].for_each_child(|child| ahead.push(child));
        }
    }
    seen[to.index()]
}

/// Whether each buffer is referred to once, and they are met in the order of their indices, as all picklers write them.
fn buffers_in_order(graph: &Graph) -> bool {
    let buffers = graph.ids().filter(|&id| matches!(graph[id], Node::Buffer { .. })).collect::<Vec<NodeId>>();
    if buffers.is_empty() {
        return true;
    }
    let items = graph.items(graph.root()).unwrap_or_default();
    let tail = &items[items.len().saturating_sub(buffers.len())..];
    let mut references = 0;
    graph.ids().for_each(|id| {
        graph[id]
            .for_each_child(|child| references += usize::from(matches!(graph[child], Node::Buffer { .. })));
    });
    tail == buffers && references == buffers.len()
}
