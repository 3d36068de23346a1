use alloc::vec::Vec;
use core::str;

use super::*;

/// Exceptions as Pythons pickled them, and what `str` made of each there.
const RECORDED: &str = include_str!("../../tests/data/exceptions.txt");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn exceptions_of_every_python_say_what_they_said_there() {
    let names = Names::builtin();
    let mut count = 0;
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let [version, class, pickle, text] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let graph = Graph::from_slice(&bytes(pickle)).unwrap();
        let read = RemoteException::decode(&graph, graph.root(), &names).unwrap();
        let text = bytes(text);
        // 2.7 shows the type of texts that it quotes.
        let said = str::from_utf8(&text).unwrap().replace("u'\\u20ac'", "'\\u20ac'");
        assert_eq!(read.text, said, "{version} {class}");
        let class = if class == "IOError" { "OSError" } else { class };
        assert!(read.is("builtins", class), "{version} {class}: {read:?}");
        count += 1;
    }
    assert!(count > 120, "{count}");
}

#[test]
fn names_of_a_library_are_those_of_python_3() {
    let names = Names::builtin();
    for pickle in [&b"\x80\x02cQueue\nEmpty\n)R."[..], b"\x80\x04\x8c\x06_queue\x8c\x05Empty\x93)R."] {
        let graph = Graph::from_slice(pickle).unwrap();
        let read = RemoteException::decode(&graph, graph.root(), &names).unwrap();
        assert!(read.is("queue", "Empty"), "{read:?}");
        assert_eq!(alloc::format!("{read}"), "queue.Empty");
    }
}

#[test]
fn old_style_classes_have_their_args_in_their_state() {
    // class Old: pass, in 2.7: pickle.dumps(instance, 2), with an attribute args
    let pickle = b"\x80\x02(cshop\nOld\noq\x01}q\x02U\x04argsU\x04boom\x85sb.";
    let graph = Graph::from_slice(pickle).unwrap();
    let read = RemoteException::decode(&graph, graph.root(), &Names::builtin()).unwrap();
    assert_eq!((&*read.module, &*read.name, &*read.text), ("shop", "Old", "boom"));
}

#[test]
fn pools_send_the_traceback_along() {
    let pickle = b"\x80\x03cmultiprocessing.pool\nrebuild_exc\ncbuiltins\nValueError\nX\x04\0\0\0boom\x85R\
        X\x0a\0\0\0\n\"\"\"\nTra\"\"\x86R.";
    let graph = Graph::from_slice(pickle).unwrap();
    let read = RemoteException::decode(&graph, graph.root(), &Names::builtin()).unwrap();
    assert_eq!((&*read.text, read.traceback.as_deref()), ("boom", Some("Tra")));
}

#[test]
fn other_values_are_no_exceptions() {
    for pickle in [&b"\x80\x02N."[..], b"\x80\x02]."] {
        let graph = Graph::from_slice(pickle).unwrap();
        assert_eq!(RemoteException::decode(&graph, graph.root(), &Names::builtin()), None);
    }
}

#[test]
fn exceptions_inside_themselves_end() {
    let mut graph = Graph::new();
    let error = encode(&mut graph, "builtins", "ValueError", [NodeId::NONE]);
    let Node::Object(object) = &graph[error] else { panic!("no object") };
    let Some((_, args)) = object.call() else { panic!("no call") };
    *graph.node_mut(args) = Node::Tuple(alloc::vec![error]);
    assert!(RemoteException::decode(&graph, error, &Names::builtin()).is_some());
}

fn last(text: &str) -> (String, String, String) {
    let read = RemoteException::from_traceback(text);
    assert_eq!(read.traceback.as_deref(), Some(text));
    (read.module, read.name, read.text)
}

fn parts(module: &str, name: &str, text: &str) -> (String, String, String) {
    (module.into(), name.into(), text.into())
}

#[test]
fn tracebacks_end_with_their_exception() {
    let frames = "Traceback (most recent call last):\n  File \"m.py\", line 1, in f\n    x[1]\n    ~^^^\n";
    assert_eq!(last(&alloc::format!("{frames}KeyError: '7f'\n")), parts("builtins", "KeyError", "'7f'"));
    assert_eq!(last(&alloc::format!("{frames}AssertionError\n")), parts("builtins", "AssertionError", ""));
    assert_eq!(
        last(&alloc::format!("{frames}_pickle.UnpicklingError: pickle data was truncated\n")),
        parts("_pickle", "UnpicklingError", "pickle data was truncated")
    );
    assert_eq!(
        last(&alloc::format!("{frames}ValueError: one\n  two: three\nfour\n")),
        parts("builtins", "ValueError", "one\n  two: three\nfour")
    );
    let chain = "\nDuring handling of the above exception, another exception occurred:\n\n";
    let chained = alloc::format!("{frames}KeyError: 1\n{chain}{frames}AttributeError: no\n");
    assert_eq!(last(&chained), parts("builtins", "AttributeError", "no"));
}

#[test]
fn a_text_that_is_no_traceback_is_a_remote_error() {
    let told = "sabir gateway: no route";
    assert_eq!(last(told), parts("multiprocessing.managers", "RemoteError", told));
}
