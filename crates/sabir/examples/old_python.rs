//! Talks to a Python that nobody can change: `cargo run -p sabir --example old_python -- ADDRESS KEYFILE`.
//!
//! The Python, of any version from 2.7 on:
//!
//! ```python
//! from multiprocessing.managers import BaseManager
//! class Robot(object):
//!     def move(self, dx, dy): ...
//! class Robots(BaseManager): pass
//! Robots.register('Robot', Robot)
//! Robots(('127.0.0.1', 5000), b'secret').get_server().serve_forever()
//! ```

use std::time::Duration;

use sabir::{AuthKey, Context, Error, Timeouts};

/// What a robot can do, with the types that it does it by.
#[sabir::proxy]
trait Robot {
    #[sabir(name = "move")]
    fn walk(&self, dx: i32, dy: i32) -> sabir::Result<(i32, i32)>;
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(keyfile)) = (arguments.next(), arguments.next()) else {
        return Err("usage: old_python ADDRESS KEYFILE".into());
    };
    let key = std::fs::read(keyfile)?;
    let context = Context::new()
        .authkey(AuthKey::new(key.trim_ascii_end().to_vec()))
        // A Python that hangs does not hang this program.
        .timeouts(Timeouts::all(Duration::from_secs(10)));

    let manager = context.manager(&address)?;
    let robot = RobotProxy::create(&manager, &())?;
    match robot.walk(1, 2) {
        Ok((x, y)) => println!("it stands at {x}, {y}"),
        // The Python's exception: its type, its text, its traceback if the server failed.
        Err(Error::Remote(raised)) => println!("it raised {raised}"),
        Err(error) => return Err(error.into()),
    }
    // The reference goes with `robot`; the object lives until every client has dropped its own.
    Ok(())
}
