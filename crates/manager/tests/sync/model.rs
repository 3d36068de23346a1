//! What the server should do, said in another way: calls that wait are a list in the order in which they came, and after
//! everything that happens the list is gone through from its start, until none of them can go on.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sabir_pickle::{Graph, NodeId};

use super::Random;

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    Value(String),
    Raised(String),
}

/// An argument.
pub enum Arg {
    Bool(bool),
    Millis(u64),
    Int(i64),
}

impl Arg {
    pub fn add(&self, graph: &mut Graph) -> NodeId {
        match self {
            Arg::Bool(true) => NodeId::TRUE,
            Arg::Bool(false) => NodeId::FALSE,
            Arg::Millis(millis) => graph.add(sabir_pickle::Node::Float(*millis as f64 / 1000.0)),
            Arg::Int(value) => graph.add_int(*value),
        }
    }
}

/// A call. Timeouts are in milliseconds; without one it waits for ever.
#[derive(Clone, Debug)]
pub enum Ask {
    Acquire(&'static str, Option<u64>),
    Release(&'static str),
    Wait(&'static str, Option<u64>),
    Notify(&'static str, i64),
    Put(i64, Option<u64>),
    Get(Option<u64>),
    TaskDone,
    Join,
    Set,
    Clear,
    Reset,
    Abort,
}

impl Ask {
    pub fn random(random: &mut Random) -> Ask {
        const LOCKS: [&str; 6] = ["lock", "rlock", "semaphore", "condition", "gathering", "meeting"];
        let condition = CONDITIONS[random.below(3)];
        let timeout = match random.below(3) {
            0 => None,
            _ => Some(1 + random.below(50) as u64),
        };
        match random.below(20) {
            0..=4 => Ask::Acquire(LOCKS[random.below(6)], timeout),
            5..=8 => Ask::Release(LOCKS[random.below(6)]),
            9 | 10 => Ask::Wait(condition, timeout),
            11 => Ask::Wait(["event", "barrier"][random.below(2)], timeout),
            12 => Ask::Notify(condition, 1 + random.below(3) as i64),
            13 | 14 => Ask::Put(random.below(1000) as i64, timeout),
            15 | 16 => Ask::Get(timeout),
            17 => Ask::TaskDone,
            18 => [Ask::Join, Ask::Set, Ask::Clear][random.below(3)].clone(),
            _ => [Ask::Reset, Ask::Abort, Ask::Wait("barrier", None)][random.below(3)].clone(),
        }
    }

    /// The object, the method and its arguments.
    pub fn call(&self) -> (&'static str, &'static str, Vec<Arg>) {
        let with = |mut args: Vec<Arg>, timeout: &Option<u64>| {
            args.extend(timeout.map(Arg::Millis));
            args
        };
        match self {
            Ask::Acquire(object, timeout) => (object, "acquire", with(vec![Arg::Bool(true)], timeout)),
            Ask::Release(object) => (object, "release", vec![]),
            Ask::Wait(object, timeout) => (object, "wait", with(vec![], timeout)),
            Ask::Notify(object, n) => (object, "notify", vec![Arg::Int(*n)]),
            Ask::Put(item, timeout) => {
                ("queue", "put", with(vec![Arg::Int(*item), Arg::Bool(true)], timeout))
            }
            Ask::Get(timeout) => ("queue", "get", with(vec![Arg::Bool(true)], timeout)),
            Ask::TaskDone => ("queue", "task_done", vec![]),
            Ask::Join => ("queue", "join", vec![]),
            Ask::Set => ("event", "set", vec![]),
            Ask::Clear => ("event", "clear", vec![]),
            Ask::Reset => ("barrier", "reset", vec![]),
            Ask::Abort => ("barrier", "abort", vec![]),
        }
    }
}

/// What a call waits for.
#[derive(Clone, Debug, PartialEq)]
enum For {
    /// The lock, and what it then hears.
    Lock(&'static str),
    /// The RLock, or that of the condition; to hold it so often, and what it then hears.
    Owned(&'static str, u32, &'static str),
    Permit,
    /// To be notified at this condition, having held its lock so often.
    Notice(&'static str, u32),
    Item,
    Room(i64),
    Done,
    Flag,
    Others,
}

#[derive(Clone, Debug)]
struct Pending {
    client: u64,
    what: For,
    deadline: Option<Duration>,
}

/// One with a lock of its own, one of the RLock, one of the lock.
const CONDITIONS: [&str; 3] = ["condition", "gathering", "meeting"];

/// The lock that is meant.
fn guard(object: &'static str) -> &'static str {
    match object {
        "gathering" => "rlock",
        "meeting" => "lock",
        object => object,
    }
}

impl For {
    /// To have the lock of a condition again.
    fn again(condition: &'static str, count: u32, said: &'static str) -> For {
        match guard(condition) {
            "lock" => For::Lock(said),
            object => For::Owned(object, count, said),
        }
    }
}

const ROOM: usize = 2;
const PARTIES: usize = 3;
const PERMITS: u32 = 2;

#[derive(Default)]
pub struct Model {
    pending: Vec<Pending>,
    lock: Option<u64>,
    owners: BTreeMap<&'static str, (u64, u32)>,
    permits: BTreeMap<u64, u32>,
    /// Permits that were given without having been taken.
    given: u32,
    items: VecDeque<i64>,
    unfinished: u32,
    flag: bool,
    broken: bool,
    /// Whether a deadline has come in the last `expire`.
    pub expired: bool,
}

type Answers = Vec<(u64, Said)>;

fn value(text: impl std::fmt::Display) -> Said {
    Said::Value(text.to_string())
}

fn raised(name: &str) -> Said {
    Said::Raised(name.to_owned())
}

impl Model {
    pub fn waits(&self, client: u64) -> bool {
        self.pending.iter().any(|pending| pending.client == client)
    }

    pub fn holds(&self, client: u64) -> bool {
        self.lock == Some(client)
            || self.owners.values().any(|&(owner, _)| owner == client)
            || self.permits.contains_key(&client)
    }

    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    pub fn dies(&mut self, client: u64) -> Answers {
        self.pending.retain(|pending| pending.client != client);
        if self.lock == Some(client) {
            self.lock = None;
        }
        self.owners.retain(|_, &mut (owner, _)| owner != client);
        self.permits.remove(&client);
        self.go_on()
    }

    pub fn expire(&mut self, now: Duration) -> Answers {
        let mut answers = Vec::new();
        self.expired = false;
        while let Some(place) = self.next_due(now) {
            self.expired = true;
            let Pending { client, what, .. } = self.pending.remove(place);
            match what {
                For::Item => answers.push((client, raised("Empty"))),
                For::Room(_) => answers.push((client, raised("Full"))),
                For::Notice(condition, count) => {
                    let what = For::again(condition, count, "False");
                    self.pending.push(Pending { client, what, deadline: None });
                }
                For::Others => {
                    answers.push((client, raised("BrokenBarrierError")));
                    self.shatter(&mut answers);
                }
                _ => answers.push((client, value("False"))),
            }
            answers.extend(self.go_on());
        }
        answers
    }

    fn next_due(&self, now: Duration) -> Option<usize> {
        let due =
            self.pending.iter().enumerate().filter_map(|(place, pending)| Some((pending.deadline?, place)));
        // Of several with one deadline, who asked first: places are in that order, but for those who were notified, and
        // they have no deadline.
        due.filter(|&(deadline, _)| deadline <= now).min().map(|(_, place)| place)
    }

    pub fn ask(&mut self, client: u64, ask: &Ask, now: Duration) -> Answers {
        let mut answers = self.expire(now);
        let until = |timeout: &Option<u64>| timeout.map(|millis| now + Duration::from_millis(millis));
        let wait = |what, timeout: &Option<u64>| Pending { client, what, deadline: until(timeout) };
        // Whose a lock is does not matter: Python takes it for the caller's.
        let owned = |model: &Model, object: &str| match object {
            "lock" => model.lock.is_some(),
            object => model.owners.get(object).is_some_and(|&(owner, _)| owner == client),
        };
        let ask = &match ask.clone() {
            Ask::Acquire(object, timeout) => Ask::Acquire(guard(object), timeout),
            Ask::Release(object) => Ask::Release(guard(object)),
            other => other,
        };
        match ask {
            Ask::Acquire("lock", timeout) => self.pending.push(wait(For::Lock("True"), timeout)),
            Ask::Acquire("semaphore", timeout) => self.pending.push(wait(For::Permit, timeout)),
            Ask::Acquire(object, timeout) => match self.owners.get_mut(object) {
                Some((owner, count)) if *owner == client => {
                    *count += 1;
                    answers.push((client, value("True")));
                }
                _ => self.pending.push(wait(For::Owned(object, 1, "True"), timeout)),
            },
            Ask::Release("lock") => {
                answers.push((
                    client,
                    if self.lock.take().is_some() { value("None") } else { raised("RuntimeError") },
                ));
            }
            Ask::Release("semaphore") => {
                let holder = if self.permits.contains_key(&client) {
                    Some(client)
                } else {
                    self.permits.keys().next().copied()
                };
                match holder {
                    Some(holder) => {
                        let count = self.permits.get_mut(&holder).unwrap();
                        *count -= 1;
                        if *count == 0 {
                            self.permits.remove(&holder);
                        }
                    }
                    None => self.given += 1,
                }
                answers.push((client, value("None")));
            }
            Ask::Release(object) => {
                if owned(self, object) {
                    let (_, count) = self.owners.get_mut(object).unwrap();
                    *count -= 1;
                    if *count == 0 {
                        self.owners.remove(object);
                    }
                    answers.push((client, value("None")));
                } else {
                    answers.push((client, raised("RuntimeError")));
                }
            }
            Ask::Wait(condition @ ("condition" | "gathering" | "meeting"), timeout) => {
                let object = guard(condition);
                if owned(self, object) {
                    let count = match object {
                        "lock" => self.lock.take().map_or(0, |_| 1),
                        object => self.owners.remove(object).unwrap().1,
                    };
                    self.pending.push(wait(For::Notice(condition, count), timeout));
                } else {
                    answers.push((client, raised("RuntimeError")));
                }
            }
            Ask::Notify(condition, n) => {
                if owned(self, guard(condition)) {
                    for _ in 0..*n {
                        let waits = |pending: &Pending| matches!(pending.what, For::Notice(at, _) if at == *condition);
                        let first = self.pending.iter().position(waits);
                        let Some(Pending { client, what: For::Notice(condition, count), .. }) =
                            first.map(|place| self.pending.remove(place))
                        else {
                            break;
                        };
                        let what = For::again(condition, count, "True");
                        self.pending.push(Pending { client, what, deadline: None });
                    }
                    answers.push((client, value("None")));
                } else {
                    answers.push((client, raised("RuntimeError")));
                }
            }
            Ask::Wait("event", timeout) => self.pending.push(wait(For::Flag, timeout)),
            Ask::Wait(_, timeout) => {
                if self.broken {
                    answers.push((client, raised("BrokenBarrierError")));
                } else {
                    self.pending.push(wait(For::Others, timeout));
                }
            }
            Ask::Put(item, timeout) => self.pending.push(wait(For::Room(*item), timeout)),
            Ask::Get(timeout) => self.pending.push(wait(For::Item, timeout)),
            Ask::TaskDone => {
                answers
                    .push((client, if self.unfinished > 0 { value("None") } else { raised("ValueError") }));
                self.unfinished = self.unfinished.saturating_sub(1);
            }
            Ask::Join => self.pending.push(wait(For::Done, &None)),
            Ask::Set => {
                self.flag = true;
                answers.push((client, value("None")));
            }
            Ask::Clear => {
                self.flag = false;
                answers.push((client, value("None")));
            }
            Ask::Reset | Ask::Abort => {
                self.shatter(&mut answers);
                self.broken = matches!(ask, Ask::Abort);
                answers.push((client, value("None")));
            }
        }
        answers.extend(self.go_on());
        answers
    }

    fn shatter(&mut self, answers: &mut Answers) {
        self.broken = true;
        self.pending.retain(|pending| {
            let waits = pending.what == For::Others;
            if waits {
                answers.push((pending.client, raised("BrokenBarrierError")));
            }
            !waits
        });
    }

    /// Answers all that can be answered, the first first.
    fn go_on(&mut self) -> Answers {
        let mut answers = Vec::new();
        let mut place = 0;
        while let Some(Pending { client, what, .. }) = self.pending.get(place).cloned() {
            let said = match what {
                For::Lock(said) if self.lock.is_none() => {
                    self.lock = Some(client);
                    value(said)
                }
                For::Owned(object, count, said) if !self.owners.contains_key(object) => {
                    self.owners.insert(object, (client, count));
                    value(said)
                }
                For::Permit if self.permits.values().sum::<u32>() < PERMITS + self.given => {
                    *self.permits.entry(client).or_default() += 1;
                    value("True")
                }
                For::Item if !self.items.is_empty() => value(self.items.pop_front().unwrap()),
                For::Room(item) if self.items.len() < ROOM => {
                    self.items.push_back(item);
                    self.unfinished += 1;
                    value("None")
                }
                For::Done if self.unfinished == 0 => value("None"),
                For::Flag if self.flag => value("True"),
                For::Others if self.come() == PARTIES => {
                    for (number, at) in (0..PARTIES).zip(self.others()) {
                        answers.push((at, value(number)));
                    }
                    self.pending.retain(|pending| pending.what != For::Others);
                    place = 0;
                    continue;
                }
                _ => {
                    place += 1;
                    continue;
                }
            };
            self.pending.remove(place);
            answers.push((client, said));
            place = 0;
        }
        answers
    }

    fn others(&self) -> Vec<u64> {
        self.pending
            .iter()
            .filter(|pending| pending.what == For::Others)
            .map(|pending| pending.client)
            .collect()
    }

    fn come(&self) -> usize {
        self.others().len()
    }
}
