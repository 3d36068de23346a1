use alloc::string::String;
use alloc::vec::Vec;

use super::*;

fn examine(pickle: &[u8]) -> Report<'_> {
    report(pickle, &Verdicts::builtin())
}

/// The names, each with its offset.
fn names(pickle: &[u8]) -> Vec<(usize, String)> {
    examine(pickle).names.iter().map(|name| (name.offset, alloc::format!("{}", name.target))).collect()
}

/// The calls, each with its opcode and callee.
fn calls(pickle: &[u8]) -> Vec<String> {
    let report = examine(pickle);
    let show =
        |call: &Call| alloc::format!("{} {} {:?}", call.offset, call.opcode.info().name, report.callee(call));
    report.calls.iter().map(show).collect()
}

#[test]
fn values_alone_are_safe() {
    for pickle in [
        &b"N."[..],
        b"\x80\x04\x95\x0b\0\0\0\0\0\0\0]\x94(K\x01\x8c\x01a\x94e.",
        b"(dp0\nS'a'\np1\n(lp2\nI1\nas.",
        b"\x80\x05\x97\x98.",
    ] {
        let report = examine(pickle);
        assert_eq!((report.verdict(), &report.error, report.calls.len()), (Verdict::Safe, &None, 0));
    }
    assert_eq!(examine(b"\x80\x05\x97\x98.").buffers, 1);
}

#[test]
fn a_popped_call_is_seen() {
    let pickle = b"cos\nsystem\n(S'x'\ntR0N.";
    assert_eq!(names(pickle), [(0, "os.system".into())]);
    assert_eq!(calls(pickle), ["18 REDUCE Some(\"os.system\")"]);
    assert_eq!(examine(pickle).verdict(), Verdict::Dangerous);
}

#[test]
fn a_name_is_seen_in_whatever_way_it_is_written() {
    for (pickle, offset) in [
        (&b"cos\nsystem\n."[..], 0),
        (b"\x8c\x02os\x8c\x06system\x93.", 12),
        // Through the memo, in the wrong order, with a copy dropped.
        (b"\x8c\x06system\x94\x8c\x02os\x94h\x01h\x0020\x93.", 20),
        (b"\x8c\x06system\x94\x8c\x02os\x94h\x01h\x0020\x93N.", 20),
        // One text takes the other's place in the memo.
        (b"\x8c\x05posixq\x00\x8c\x02osq\x000h\x00\x8c\x06system\x93.", 26),
        (b"Vos\nV\\u0073ystem\n\x93.", 17),
        (b"S'o\\x73'\nS\"system\"\n\x93.", 19),
        (b"U\x02osT\x06\0\0\0system\x93.", 15),
        (b"(ios\nsystem\n.", 1),
        // PROTO in the middle changes nothing of what it names.
        (b"\x80\x02\x80\x04N0\x8c\x02os\x8c\x06system\x93\x80\x00.", 18),
        // Inside a frame that lies about its length.
        (b"\x95\x01\0\0\0\0\0\0\0cos\nsystem\n.", 9),
    ] {
        assert_eq!(names(pickle), [(offset, "os.system".into())], "{}", pickle.escape_ascii());
        assert_eq!(examine(pickle).verdict(), Verdict::Dangerous);
    }
}

#[test]
fn python_2_names_are_known_too() {
    for name in [
        "__builtin__\neval",
        "__builtin__\napply",
        "commands\ngetoutput",
        "os\npopen2",
        "thread\nstart_new_thread",
    ] {
        let pickle = alloc::format!("c{name}\n.");
        assert_eq!(examine(pickle.as_bytes()).verdict(), Verdict::Dangerous, "{name}");
    }
}

#[test]
fn a_dotted_name_is_as_bad_as_its_parts() {
    let verdicts = Verdicts::builtin();
    for (module, name, verdict) in [
        ("os", "system.__call__", Verdict::Dangerous),
        ("collections", "_sys.modules.get", Verdict::Dangerous),
        ("datetime", "sys", Verdict::Unknown),
        ("builtins", "str.join", Verdict::Unknown),
        ("builtins", "int.__class__.__subclasses__", Verdict::Dangerous),
        ("builtins", "eval.__call__", Verdict::Dangerous),
        ("zoneinfo", "ZoneInfo._unpickle", Verdict::Safe),
        ("idlelib.run", "Executive", Verdict::Dangerous),
        ("idlelib", "x", Verdict::Dangerous),
        ("idlelibrary", "x", Verdict::Unknown),
        ("subprocess", "Popen", Verdict::Dangerous),
        ("subprocess", "CalledProcessError", Verdict::Safe),
        ("__main__", "Thing", Verdict::Unknown),
        ("builtins", "*", Verdict::Unknown),
        ("*", "os", Verdict::Dangerous),
    ] {
        assert_eq!(verdicts.of(module, name).0, verdict, "{module} {name}");
    }
}

#[test]
fn a_name_made_by_a_call_is_dangerous() {
    // str('os') gives text that no opcode shows.
    let pickle = b"cbuiltins\nstr\n(Vos\ntR\x8c\x06system\x93.";
    let report = examine(pickle);
    assert_eq!(report.names[1].target, Target::Computed);
    assert_eq!(report.verdict(), Verdict::Dangerous);
    assert_eq!(examine(b"Pid\n\x8c\x06system\x93.").verdict(), Verdict::Dangerous);
}

#[test]
fn every_way_to_call_names_its_callee() {
    assert_eq!(calls(b"cm\nC\n)\x81."), ["6 NEWOBJ Some(\"m.C\")"]);
    assert_eq!(calls(b"cm\nC\n)}\x92."), ["7 NEWOBJ_EX Some(\"m.C\")"]);
    assert_eq!(calls(b"(cm\nC\nNo."), ["7 OBJ Some(\"m.C\")"]);
    assert_eq!(calls(b"(Nim\nC\n."), ["2 INST Some(\"m.C\")"]);
    assert_eq!(calls(b"cm\nC\n)\x81}b."), ["6 NEWOBJ Some(\"m.C\")", "8 BUILD Some(\"an instance of m.C\")"]);
    assert_eq!(calls(b"cm\nf\n)R)R."), ["6 REDUCE Some(\"m.f\")", "8 REDUCE Some(\"what m.f returned\")"]);
    assert_eq!(calls(b"\x82\x07)R."), ["3 REDUCE Some(\"extension 7\")"]);
    assert_eq!(
        calls(b"cm\nf\n)R(NNu."),
        ["6 REDUCE Some(\"m.f\")", "10 SETITEMS Some(\"what m.f returned\")"]
    );
    // DUP and the memo give the same object again.
    assert_eq!(calls(b"cm\nf\n2p0\n0)Rg0\n)R."), ["11 REDUCE Some(\"m.f\")", "16 REDUCE Some(\"m.f\")"]);
}

#[test]
fn changing_a_class_is_dangerous_and_changing_an_instance_is_not() {
    assert_eq!(examine(b"cdatetime\ndate\n}b.").verdict(), Verdict::Dangerous);
    assert_eq!(examine(b"cdatetime\ndate\nNNs.").verdict(), Verdict::Dangerous);
    assert_eq!(examine(b"cdatetime\ndate\n)R}b.").verdict(), Verdict::Safe);
}

#[test]
fn extensions_and_persistent_ids_are_the_programs_own() {
    let report = examine(b"(\x82\x01\x83\x01\x01\x84\x01\0\0\x01l.");
    let codes: Vec<_> = report.names.iter().map(|name| name.target.clone()).collect();
    assert_eq!(codes, [Target::Extension(1), Target::Extension(257), Target::Extension(0x0100_0001)]);
    assert_eq!(report.verdict(), Verdict::Unknown);
    let report = examine(b"(Pid 1\n\x8c\x02xyQK\x01Ql.");
    let ids: Vec<_> = report.persistent.iter().map(|id| (id.offset, id.text.as_deref())).collect();
    assert_eq!(ids, [(1, Some("id 1")), (11, Some("xy")), (14, None)]);
    assert_eq!(report.verdict(), Verdict::Unknown);
}

#[test]
fn a_broken_pickle_is_never_safe_and_what_follows_is_still_listed() {
    for pickle in [&b""[..], b"N", b"R.", b"h\x00.", b"t.", b"\x80\x09N.", b"N\xff", b"0.", b"(0.", b"px\n."]
    {
        let report = examine(pickle);
        assert!(report.error.is_some() && report.verdict() == Verdict::Unknown, "{}", pickle.escape_ascii());
    }
    let report = examine(b"RRR0000cos\nsystem\n(S'x'\ntR.");
    assert_eq!((report.names.len(), report.calls.len()), (1, 4));
    assert_eq!(report.verdict(), Verdict::Dangerous);
}

#[test]
fn a_long_text_is_not_copied_over_and_over() {
    let mut pickle = b"V".to_vec();
    pickle.resize(1 << 20, b'a');
    pickle.extend_from_slice(b"\np0\n");
    pickle.extend_from_slice(&b"h\0h\0\x930".repeat(100_000));
    pickle.push(b'.');
    let report = examine(&pickle);
    assert_eq!(report.names.len(), 100_000);
    assert!(report.names.iter().all(|name| name.target == Target::Computed));
}

#[test]
fn users_add_rows() {
    let mut verdicts = Verdicts::builtin();
    verdicts
        .extend("# ours\nharmless\tour.models\tPoint\ndangerous\tour.admin.*\t*\tdrops tables\n")
        .unwrap();
    assert_eq!(report(b"cour.models\nPoint\n)R.", &verdicts).verdict(), Verdict::Safe);
    assert_eq!(verdicts.of("our.admin.x", "f"), (Verdict::Dangerous, "drops tables"));
    for wrong in [
        "harmless\tm\t*",
        "harmless\tm.*\tx",
        "fine\tm\tx",
        "unknown\tm",
        "unknown\tm\tx\ty\tz",
        "dangerous\tm.*\tx",
    ] {
        let text = alloc::format!("unknown\tm\tx\n{wrong}\n");
        assert_eq!(verdicts.extend(&text), Err(VerdictsError { line: 2 }), "{wrong}");
    }
}

#[test]
fn what_is_harmless_is_so_under_the_name_that_a_reader_maps_it_to() {
    let (verdicts, names) = (Verdicts::builtin(), crate::Names::builtin());
    let rows = include_str!("../../tables/verdicts.tsv").lines().filter(|line| line.starts_with("harmless"));
    let mut mapped = Vec::new();
    for row in rows {
        let fields: Vec<_> = row.split('\t').collect();
        let (module, name) = names.canonical(fields[1], fields[2], 2);
        if verdicts.of(&module, &name).0 != Verdict::Safe {
            mapped.push(alloc::format!("{module}.{name}"));
        }
    }
    // Python 3 has no such thing.
    assert_eq!(mapped, ["builtins.cmp"]);
}

#[test]
fn the_text_tells_all() {
    let text = alloc::format!("{}", examine(b"cos\nsystem\n(S'x'\ntR0Pid\n0Q."));
    assert_eq!(
        text,
        "dangerous\n    0: GLOBAL os.system: dangerous, of a module that runs commands or acts on the system\n   18: REDUCE os.system\n   \
         20: asks the program for id\n   25: asks the program for an id that is no text\n\
         broken: the stack holds too little for this opcode at offset 25\n"
    );
}
