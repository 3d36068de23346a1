//! How long calls may take.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sabir_net::Deadline;

/// What a connection was told; the calls of all threads look here.
#[derive(Default)]
pub(crate) struct Timeouts {
    pub(crate) recv: Seconds,
    pub(crate) send: Seconds,
    /// Nanoseconds from [`START`] on until when all calls have to end; 0 is never.
    bound: AtomicU64,
}

impl Timeouts {
    /// For a call that receives and was given `timeout` or None.
    pub(crate) fn receiving(&self, timeout: Option<f64>) -> PyResult<Deadline> {
        self.for_call(timeout.or_else(|| self.recv.get()))
    }

    /// For a call that sends.
    pub(crate) fn sending(&self, timeout: Option<f64>) -> PyResult<Deadline> {
        self.for_call(timeout.or_else(|| self.send.get()))
    }

    /// Sets when all calls have to end.
    pub(crate) fn bound(&self, deadline: Deadline) {
        let nanoseconds = deadline.instant().map_or(0, |at| {
            u64::try_from(at.saturating_duration_since(*START).as_nanos()).unwrap_or(u64::MAX).max(1)
        });
        self.bound.store(nanoseconds, Ordering::Relaxed);
    }

    fn for_call(&self, timeout: Option<f64>) -> PyResult<Deadline> {
        let own = deadline(timeout)?;
        let bound = match self.bound.load(Ordering::Relaxed) {
            0 => return Ok(own),
            nanoseconds => *START + Duration::from_nanos(nanoseconds),
        };
        Ok(own.instant().map_or(bound, |at| at.min(bound)).into())
    }
}

/// Seconds, or None, that several threads may read and set.
pub(crate) struct Seconds(AtomicU64);

impl Seconds {
    pub(crate) fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Ordering::Relaxed))).filter(|seconds| !seconds.is_nan())
    }

    pub(crate) fn set(&self, seconds: Option<f64>) {
        self.0.store(seconds.unwrap_or(f64::NAN).to_bits(), Ordering::Relaxed);
    }
}

impl Default for Seconds {
    fn default() -> Self {
        Self(AtomicU64::new(f64::NAN.to_bits()))
    }
}

/// A timeout in seconds; None is for ever, and what has passed already does not wait.
pub(crate) fn deadline(timeout: Option<f64>) -> PyResult<Deadline> {
    let Some(seconds) = timeout else { return Ok(Deadline::NEVER) };
    if seconds.is_nan() {
        return Err(PyValueError::new_err("timeout is not a number"));
    }
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX).into())
}

/// What moments are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
