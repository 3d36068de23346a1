//! Objects as pickles: by the interpreter's own pickler and unpickler, without the copies that files in Python make.

use std::mem;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use memchr::memmem;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyAttributeError, PyImportError, PyKeyError, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMemoryView, PySlice, PyTuple};

/// A `dispatch_table` of picklers: the first of these dictionaries that has the type, as they are when it is asked for.
///
/// Table(*dictionaries)
#[pyclass(frozen, module = "sabir._native")]
pub(crate) struct Table {
    dictionaries: Vec<Py<PyDict>>,
}

#[pymethods]
impl Table {
    #[new]
    #[pyo3(signature = (*dictionaries))]
    fn new(dictionaries: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let each = dictionaries.iter().map(|it| Ok(it.cast_into::<PyDict>()?.unbind()));
        Ok(Self { dictionaries: each.collect::<PyResult<_>>()? })
    }

    fn __getitem__<'py>(&self, kind: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        for dictionary in &self.dictionaries {
            if let Some(reduce) = dictionary.bind(kind.py()).get_item(kind)? {
                return Ok(reduce);
            }
        }
        Err(PyKeyError::new_err(kind.clone().unbind()))
    }
}

/// What a pickler writes to: keeps the pieces it is given, of which long ones are the objects' own bytes.
#[pyclass(frozen, module = "sabir._native")]
struct Pieces(Mutex<Pickled>);

/// A pickle, and the long buffers of protocol 5 that are not in it.
#[derive(Default)]
pub(crate) struct Pickled {
    pub(crate) pieces: Vec<Py<PyBytes>>,
    pub(crate) buffers: Vec<Py<PyAny>>,
}

#[pymethods]
impl Pieces {
    fn write(&self, piece: &Bound<'_, PyAny>) -> PyResult<()> {
        // What is no `bytes` may change before it is sent.
        self.lock().pieces.push(unchanging(piece)?.unbind());
        Ok(())
    }

    /// Whether a buffer is to be in the pickle; else it is kept.
    fn takes(&self, buffer: &Bound<'_, PyAny>) -> PyResult<bool> {
        if PyUntypedBuffer::get(buffer)?.len_bytes() < APART {
            return Ok(true);
        }
        self.lock().buffers.push(buffer.clone().unbind());
        Ok(false)
    }
}

/// The pickle of an object, in the pieces that pickle.Pickler writes: one, unless the object has long bytes in it.
#[pyfunction(name = "pickle")]
#[pyo3(signature = (obj, protocol, table, /))]
pub(crate) fn pickle_whole<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: u8,
    table: &Bound<'py, Table>,
) -> PyResult<Vec<Py<PyBytes>>> {
    pickle(obj, protocol, table, false).map(|pickled| pickled.pieces)
}

/// The same; long buffers are left out of it if `apart`.
pub(crate) fn pickle<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: u8,
    table: &Bound<'py, Table>,
    apart: bool,
) -> PyResult<Pickled> {
    let py = obj.py();
    let apart = apart && protocol >= 5;
    let made =
        Made::take(protocol, table, apart).map_or_else(|| Made::new(py, protocol, table, apart), Ok)?;
    made.pickler.bind(py).call_method1(pyo3::intern!(py, "dump"), (obj,))?;
    let pickled = mem::take(&mut *made.pieces.get().lock());
    let own = pickled.pieces.iter().map(|piece| own_length(piece.bind(py).as_bytes(), protocol));
    if own.sum::<usize>() <= KEPT {
        made.pickler.bind(py).call_method0(pyo3::intern!(py, "clear_memo"))?;
        made.put();
    }
    Ok(pickled)
}

/// How much of a piece may be a pickler's own words: nothing if it is the bytes of one long object, which are written
/// as they are. A frame begins with its opcode or, the first of a pickle, with that of the protocol.
fn own_length(piece: &[u8], protocol: u8) -> usize {
    let is_object = protocol >= 4 && piece.len() >= FRAME && !matches!(piece.first(), Some(0x80 | 0x95));
    if is_object { 0 } else { piece.len() }
}

/// A pickler that is used again: to make one takes longer than a small pickle does.
struct Made {
    protocol: u8,
    table: Py<Table>,
    apart: bool,
    pickler: Py<PyAny>,
    pieces: Py<Pieces>,
}

impl Made {
    fn new<'py>(py: Python<'py>, protocol: u8, table: &Bound<'py, Table>, apart: bool) -> PyResult<Self> {
        let pieces = Bound::new(py, Pieces(Mutex::default()))?;
        let options = PyDict::new(py);
        if apart {
            options.set_item("buffer_callback", pieces.getattr("takes")?)?;
        }
        let pickler = PICKLER.import(py, "pickle", "Pickler")?.call((&pieces, protocol), Some(&options))?;
        pickler.setattr(pyo3::intern!(py, "dispatch_table"), table)?;
        let table = table.clone().unbind();
        Ok(Self { protocol, table, apart, pickler: pickler.unbind(), pieces: pieces.unbind() })
    }

    /// One that nobody uses: an object's own code may pickle while it is pickled.
    fn take(protocol: u8, table: &Bound<'_, Table>, apart: bool) -> Option<Self> {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let at =
            idle.iter().position(|it| it.protocol == protocol && it.apart == apart && it.table.is(table))?;
        Some(idle.swap_remove(at))
    }

    fn put(self) {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = (idle.len() == MOST_IDLE).then(|| idle.remove(0));
        idle.push(self);
        drop(idle);
        drop(surplus);
    }
}

impl Pieces {
    fn lock(&self) -> MutexGuard<'_, Pickled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is not for [`load`]: a pickle that may have names of the standard library in it which become ours, or
/// what is followed by buffers.
pub(crate) fn is_special(pickle: &[u8]) -> bool {
    let ours = |at: usize| OURS.iter().any(|name| pickle[at + STOCK.needle().len()..].starts_with(name));
    pickle.starts_with(APART_MAGIC) || STOCK.find_iter(pickle).any(ours)
}

/// The object in `data`; nothing if its names or strings may be those of another version of Python.
pub(crate) fn load<'py>(data: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = data.py();
    match LOADS.import(py, "pickle", "loads")?.call1((data,)) {
        Ok(object) => Ok(Some(object)),
        Err(error) if may_be_of_another_version(py, &error)? => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`load`], of the beginning of memory; and whether that can be used again, or is somebody else's now.
pub(crate) fn load_from<'py>(
    memory: &Bound<'py, PyByteArray>,
    length: usize,
) -> PyResult<(Option<Bound<'py, PyAny>>, bool)> {
    let py = memory.py();
    let whole = PyMemoryView::from(memory)?;
    let end = isize::try_from(length).unwrap_or(isize::MAX);
    let view = whole.as_any().get_item(PySlice::new(py, 0, end, 1))?;
    let loaded = load(&view)?;
    let release = |view: &Bound<'py, PyAny>| view.call_method0(pyo3::intern!(py, "release")).is_ok();
    Ok((loaded, release(&view) && release(whole.as_any())))
}

/// The object in `data` by pickle.loads; what that cannot load, or not as it is to be, is slow(data, context).
#[pyfunction]
#[pyo3(signature = (data, slow, context, /))]
pub(crate) fn unpickle<'py>(
    data: &Bound<'py, PyAny>,
    slow: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // Where there is no interpreter lock, another thread may write to what is no `bytes` while it is looked at.
    let data = unchanging(data)?;
    let loaded = if is_special(data.as_bytes()) { None } else { load(data.as_any())? };
    loaded.map_or_else(|| slow.call1((data, context)), Ok)
}

/// What a bytes-like object has in it now: itself, if it is a `bytes`.
fn unchanging<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    match object.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.clone()),
        Err(_) => Ok(object.py().get_type::<PyBytes>().call1((object,))?.cast_into()?),
    }
}

/// The errors of an unpickler that meets names or strings of another Python.
fn may_be_of_another_version(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    Ok(error.is_instance_of::<PyUnicodeDecodeError>(py)
        || error.is_instance_of::<PyImportError>(py)
        || error.is_instance_of::<PyAttributeError>(py)
        || error.is_instance(py, UNPICKLING_ERROR.import(py, "pickle", "UnpicklingError")?))
}

static IDLE: Mutex<Vec<Made>> = Mutex::new(Vec::new());
/// How long a buffer is, in bytes, that is worth messages of its own.
const APART: usize = 256 * 1024;
/// What a message begins with that is followed by buffers: no pickle is of this protocol.
const APART_MAGIC: &[u8] = b"\x80\xff";
const MOST_IDLE: usize = 4;
/// The length, in bytes, from which on picklers close a frame, and write an object as a piece of its own.
const FRAME: usize = 64 * 1024;
/// The longest pickle, in bytes, not counting long objects, after which a pickler is kept: its memory of what it has met does not shrink.
const KEPT: usize = 16 * 1024;
static PICKLER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static UNPICKLING_ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// What only the names that may become ours have in them, and the modules whose names do.
static STOCK: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("multiprocessing."));
const OURS: [&[u8]; 2] = [b"connection", b"managers"];
