//! `datetime`'s values: the bytes that picklers make of them, and their text.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use super::atoms;
use super::forms;
use super::tape::{Item, Tape};

/// A date, a time of day, or both.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Year, month, day.
    pub(super) date: Option<[u16; 3]>,
    /// Hour, minute, second.
    pub(super) time: Option<[u8; 3]>,
    pub(super) microsecond: u32,
    /// 1 for the second of two equal times at the end of summer time.
    pub(super) fold: u8,
    pub(super) zone: Zone,
}

/// The `tzinfo` of a [`Moment`].
#[derive(Clone, Debug)]
pub(super) enum Zone {
    Naive,
    /// Ahead of UTC, in microseconds; and the object.
    Offset(i64, u32),
    /// A `zoneinfo.ZoneInfo` by its key; and the object.
    Named(String, u32),
    /// A class that only its program knows.
    Unknown(u32),
}

/// The arguments of a `datetime`, `date` or `time`: what `__reduce__` gives (CPython 3.13, Lib/_pydatetime.py,
/// `_getstate`), big-endian. Since 3.6 and protocol 4 the top bit of the month, or of a time's hour, is `fold`.
pub(super) fn moment(tape: &Tape<'_>, name: &[u8], args: &[u32]) -> Option<Moment> {
    let (&state, zone) = args.split_first()?;
    let state: Cow<'_, [u8]> = atoms::bytes_of(tape, state)?;
    let (mut date, mut time, mut rest) = (None, None, &state[..]);
    let mut fold = 0;
    if name != b"time" {
        let &[high, low, month, day] = rest.first_chunk()?;
        fold = month >> 7;
        date = Some([u16::from_be_bytes([high, low]), (month & 0x7f).into(), day.into()]);
        rest = &rest[4..];
    }
    let mut microsecond = 0;
    if name != b"date" {
        let &[hour, minute, second, high, middle, low] = rest.first_chunk()?;
        fold |= hour >> 7;
        time = Some([hour & 0x7f, minute, second]);
        microsecond = u32::from_be_bytes([0, high, middle, low]);
        rest = &rest[6..];
    }
    if !rest.is_empty() {
        return None;
    }
    let zone = match *zone {
        [] => Zone::Naive,
        [zone, ..] => self::zone(tape, zone),
    };
    Some(Moment { date, time, microsecond, fold, zone })
}

impl Moment {
    /// As `isoformat` writes it, with the name of a named zone behind it in brackets (RFC 9557); None if the zone is
    /// one that has no text.
    pub(super) fn text(&self) -> Option<String> {
        let mut text = String::new();
        if let Some([year, month, day]) = self.date {
            text += &format!("{year:04}-{month:02}-{day:02}");
        }
        if let Some([hour, minute, second]) = self.time {
            let separator = if text.is_empty() { "" } else { "T" };
            text += &format!("{separator}{hour:02}:{minute:02}:{second:02}");
        }
        if self.microsecond != 0 {
            text += &format!(".{:06}", self.microsecond);
        }
        match &self.zone {
            Zone::Naive => {}
            Zone::Offset(offset, _) => text += &offset_text(*offset),
            Zone::Named(name, _) => text += &format!("[{name}]"),
            Zone::Unknown(_) => return None,
        }
        Some(text)
    }
}

/// `+HH:MM`, with seconds and microseconds if there are any.
pub(super) fn offset_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let (seconds, micros) = (offset.unsigned_abs() / 1_000_000, offset.unsigned_abs() % 1_000_000);
    let mut text = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 || micros != 0 {
        text += &format!(":{:02}", seconds % 60);
    }
    if micros != 0 {
        text += &format!(".{micros:06}");
    }
    text
}

/// The offset of a `timezone(timedelta[, name])`, in microseconds.
pub(super) fn offset(tape: &Tape<'_>, args: &[u32]) -> Option<i64> {
    let Item::Object(index) = tape.item(*args.first()?) else { return None };
    let delta = forms::call(tape, tape.object(index))?;
    if forms::name(tape, delta.class) != (b"datetime", b"timedelta") {
        return None;
    }
    delta_micros(tape, &delta.args)
}

/// A `timedelta(days, seconds, microseconds)` in microseconds.
pub(super) fn delta_micros(tape: &Tape<'_>, args: &[u32]) -> Option<i64> {
    let &[days, seconds, micros] = args else { return None };
    let int = |id| match tape.item(id) {
        Item::Int(value) => Some(value),
        _ => None,
    };
    let seconds = int(days)?.checked_mul(86_400)?.checked_add(int(seconds)?)?;
    seconds.checked_mul(1_000_000)?.checked_add(int(micros)?)
}

fn zone(tape: &Tape<'_>, id: u32) -> Zone {
    let Item::Object(index) = tape.item(id) else {
        return if matches!(tape.item(id), Item::None) { Zone::Naive } else { Zone::Unknown(id) };
    };
    let Some(call) = forms::call(tape, tape.object(index)) else { return Zone::Unknown(id) };
    match forms::name(tape, call.class) {
        (b"datetime", b"timezone") => {
            offset(tape, &call.args).map_or(Zone::Unknown(id), |offset| Zone::Offset(offset, id))
        }
        _ => match forms::zone_key(tape, &call) {
            Some(key) => Zone::Named(key.into_owned(), id),
            None => Zone::Unknown(id),
        },
    }
}
