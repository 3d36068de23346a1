//! What the tables say of some names; that the names are right, `interop/tests/names.rs` asks real Pythons.

use alloc::format;
use alloc::string::{String, ToString};

use super::{Names, NamesError};
use crate::{Pythons, Version};

const PY2: Pythons = Pythons::PY2;

fn py3(minor: u8) -> Pythons {
    Pythons::exactly(Version::new(3, minor))
}

/// The written name as `module:name`, or `kept`.
fn translate(
    names: &Names,
    module: &str,
    name: &str,
    from_protocol: u8,
    to: Pythons,
    to_protocol: u8,
) -> String {
    match names.translate(module, name, from_protocol, to, to_protocol) {
        Some((module, name)) => format!("{module}:{name}"),
        None => "kept".to_string(),
    }
}

fn canonical(module: &str, name: &str, protocol: u8) -> String {
    let names = Names::builtin();
    let (module, name) = names.canonical(module, name, protocol);
    format!("{module}:{name}")
}

macro_rules! translates {
    ($($claim:ident: $module:literal $name:literal at $from:literal, to $to:expr, at $protocol:literal => $written:literal;)*) => {$(
        #[test]
        fn $claim() {
            assert_eq!(translate(&Names::builtin(), $module, $name, $from, $to, $protocol), $written);
        }
    )*};
}

translates! {
    empty_queue_exception_of_3_13_reaches_3_6: "_queue" "Empty" at 4, to py3(6), at 3 => "queue:Empty";
    empty_queue_exception_of_3_13_reaches_2_7: "_queue" "Empty" at 4, to PY2, at 2 => "Queue:Empty";
    empty_queue_exception_of_3_13_reaches_any_3: "_queue" "Empty" at 4, to Pythons::PY3, at 4 => "queue:Empty";
    empty_queue_exception_is_kept_between_3_7_and_newer:
        "_queue" "Empty" at 3, to Pythons::between(Version::new(3, 7), Version::new(3, 13)), at 3 => "kept";
    empty_queue_exception_written_at_protocol_2_by_3_13_reaches_2_7: "_queue" "Empty" at 2, to PY2, at 2 => "Queue:Empty";
    empty_queue_exception_of_2_7_reaches_3_13_at_protocol_4: "Queue" "Empty" at 2, to py3(13), at 4 => "queue:Empty";
    empty_queue_exception_of_2_7_is_kept_at_protocol_2: "Queue" "Empty" at 2, to Pythons::ANY, at 2 => "kept";
    pathlib_local_is_kept_between_3_13s: "pathlib._local" "PosixPath" at 4, to py3(13), at 4 => "kept";
    pathlib_local_reaches_3_12: "pathlib._local" "PosixPath" at 4, to py3(12), at 4 => "pathlib:PosixPath";
    pathlib_of_3_12_is_kept_for_3_13: "pathlib" "PosixPath" at 4, to py3(13), at 4 => "kept";
    nested_names_take_the_module_of_what_they_are_in:
        "pathlib._local" "PurePath.joinpath" at 4, to py3(12), at 4 => "pathlib:PurePath.joinpath";
    nested_names_take_the_name_of_what_they_are_in:
        "re" "PatternError.__init__" at 4, to py3(12), at 4 => "re:error.__init__";
    rows_of_modules_hold_below_them:
        "numpy._core.multiarray" "_reconstruct" at 4, to py3(9), at 4 => "numpy.core.multiarray:_reconstruct";
    numpy_2_is_kept_where_every_python_has_it:
        "numpy._core.numeric" "_frombuffer" at 5, to py3(13), at 5 => "kept";
    a_module_that_only_begins_alike_is_another: "numpy._corelib" "f" at 4, to py3(9), at 4 => "kept";
    filenotfounderror_becomes_oserror_for_2_7:
        "builtins" "FileNotFoundError" at 4, to PY2, at 2 => "exceptions:OSError";
    modulenotfounderror_becomes_importerror_for_2_7:
        "builtins" "ModuleNotFoundError" at 4, to PY2, at 2 => "exceptions:ImportError";
    oserror_is_not_one_of_its_other_names_in_2_7: "builtins" "OSError" at 4, to PY2, at 2 => "exceptions:OSError";
    ioerror_stays_ioerror_between_2_7s: "exceptions" "IOError" at 2, to PY2, at 2 => "kept";
    standarderror_stays_standarderror_between_2_7s: "exceptions" "StandardError" at 2, to PY2, at 2 => "kept";
    int_type_stays_int_for_2_7: "builtins" "int" at 4, to PY2, at 2 => "__builtin__:int";
    int_type_stays_int_for_a_peer_of_any_version: "builtins" "int" at 4, to Pythons::ANY, at 2 => "__builtin__:int";
    long_of_2_7_is_int_in_3: "__builtin__" "long" at 2, to py3(12), at 4 => "builtins:int";
    long_stays_long_between_2_7s: "__builtin__" "long" at 2, to PY2, at 2 => "kept";
    str_type_is_unicode_in_2_7: "builtins" "str" at 4, to PY2, at 2 => "__builtin__:unicode";
    user_dict_of_2_7_is_not_changed_on_the_way_to_2_7: "UserDict" "UserDict" at 2, to PY2, at 2 => "kept";
    calledprocesserror_is_not_in_commands_as_cpython_says:
        "subprocess" "CalledProcessError" at 4, to PY2, at 2 => "kept";
    calledprocesserror_is_found_where_cpython_wrote_it:
        "commands" "CalledProcessError" at 2, to PY2, at 2 => "subprocess:CalledProcessError";
    getoutput_is_in_commands: "subprocess" "getoutput" at 4, to PY2, at 2 => "commands:getoutput";
    a_name_for_2_7_that_3_does_not_map_is_not_written_to_both:
        "socket" "getaddrinfo" at 4, to Pythons::ANY, at 2 => "kept";
    the_same_name_is_written_to_2_7_alone: "socket" "getaddrinfo" at 4, to PY2, at 2 => "_socket:getaddrinfo";
    a_name_of_2_7_is_mapped_for_3_even_at_protocol_2: "urllib" "URLopener" at 2, to py3(9), at 2 => "urllib2:URLopener";
    a_canonical_name_that_is_gone_gives_way:
        "importlib.abc" "Traversable" at 4, to py3(14), at 5 => "importlib.resources.abc:Traversable";
    tokens_keep_their_name: "multiprocessing.managers" "Token" at 2, to py3(13), at 4 => "kept";
    user_classes_keep_their_names: "shop.orders" "Order" at 4, to PY2, at 2 => "kept";
    a_user_module_with_a_name_of_2_7_is_kept_at_protocol_4: "Queue" "Empty" at 4, to py3(6), at 4 => "kept";
    user_commands_are_kept_at_protocol_4: "commands" "run" at 4, to py3(6), at 4 => "kept";
}

#[test]
fn canonical_names_are_the_same_from_every_python() {
    assert_eq!(canonical("_queue", "Empty", 4), "queue:Empty");
    assert_eq!(canonical("Queue", "Empty", 2), "queue:Empty");
    assert_eq!(canonical("exceptions", "IOError", 2), "builtins:OSError");
    assert_eq!(canonical("__builtin__", "unicode", 2), "builtins:str");
    assert_eq!(canonical("__builtin__", "eval", 2), "builtins:eval");
    assert_eq!(canonical("_io", "StringIO", 4), "io:StringIO");
    assert_eq!(canonical("shop", "Order", 2), "shop:Order");
}

#[test]
fn user_rows_come_before_builtin_ones() {
    let mut names = Names::builtin();
    let rows = "# ours\nshop.orders.Order\torders.Order\t2.7\n\nqueue.Empty\tmine.Empty\t2.7\tours\n";
    names.extend(rows).unwrap();
    assert_eq!(translate(&names, "shop.orders", "Order", 4, PY2, 2), "orders:Order");
    assert_eq!(translate(&names, "orders", "Order", 2, py3(13), 4), "shop.orders:Order");
    assert_eq!(translate(&names, "orders", "Order", 4, py3(13), 4), "kept");
    assert_eq!(translate(&names, "_queue", "Empty", 4, PY2, 2), "mine:Empty");
}

#[test]
fn user_rows_may_be_of_whole_modules() {
    let mut names = Names::builtin();
    names.extend("shop.*\tlegacy.shop.*\t2.7-3.8\n").unwrap();
    assert_eq!(translate(&names, "shop.a.b", "C", 4, PY2, 2), "legacy.shop.a.b:C");
    assert_eq!(translate(&names, "legacy.shop.a", "C", 4, py3(9), 4), "shop.a:C");
    assert_eq!(translate(&names, "legacy.shop", "C", 4, py3(8), 4), "kept");
}

#[test]
fn a_bad_row_is_told_by_line_and_adds_nothing() {
    let mut names = Names::builtin();
    let error = names.extend("a.b\tc.d\t3.7+\n\ne.f\tg.h\n").unwrap_err();
    assert_eq!(error, NamesError::Columns { line: 3, columns: 2 });
    assert_eq!(translate(&names, "c", "d", 4, py3(6), 4), "kept");
    let error = |row: &str| Names::builtin().extend(row).unwrap_err();
    for pythons in ["", "3", "3.8-3.7", "4.0", "3.7-", "-3.7", "+", "3.8 "] {
        let text = pythons.to_string();
        assert_eq!(error(&format!("a.b\tc.d\t{pythons}")), NamesError::Pythons { line: 1, text });
    }
    for name in ["", "b", "a.", ".b", "a..b", "a b.c", "*.b", "a.*b"] {
        let text = name.to_string();
        assert_eq!(error(&format!("{name}\tc.d\t2.7")), NamesError::Name { line: 1, text });
    }
    assert_eq!(error("a.b\tc.*\t2.7"), NamesError::Star { line: 1, text: "c.*".to_string() });
    assert_eq!(error("a.b\tc.d\t2.7\tnote\tmore"), NamesError::Columns { line: 1, columns: 5 });
}

#[test]
fn every_line_of_the_builtin_tables_is_a_row() {
    let rows = |tsv: &'static str| tsv.lines().filter(|line| !line.starts_with('#'));
    for row in rows(include_str!("../../tables/compat.tsv")) {
        assert_eq!(row.split('\t').count(), 5, "{row}");
        assert!(row.starts_with("forward\t") || row.starts_with("reverse\t"), "{row}");
    }
    assert!(rows(include_str!("../../tables/names.tsv")).count() > 100);
    Names::builtin().extend(include_str!("../../tables/names.tsv")).unwrap();
}
