//! A serializer of one's own, on one connection: `cargo run -p sabir --example own_reducer`.

use sabir::reducer::{Read, Reduce, Source, erased_serde};
use sabir::{Context, Reducer};

/// JSON with a checksum behind it.
#[derive(Debug)]
struct Checked;

impl Reduce for Checked {
    fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Source> {
        let mut message = serde_json::to_vec(value)?;
        message.extend_from_slice(&checksum(&message).to_le_bytes());
        Ok(message)
    }

    fn loads<'de>(&self, message: &'de [u8], read: Read<'_, 'de>) -> Result<(), Source> {
        let (message, sum) = message.split_last_chunk().ok_or("no checksum")?;
        if u32::from_le_bytes(*sum) != checksum(message) {
            return Err("the checksum is wrong".into());
        }
        let mut deserializer = serde_json::Deserializer::from_slice(message);
        read(&mut <dyn erased_serde::Deserializer>::erase(&mut deserializer))?;
        Ok(deserializer.end()?)
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| sum.rotate_left(5) ^ u32::from(*byte))
}

fn main() -> sabir::Result<()> {
    let context = Context::new();
    let (mut one, mut other) = context.pipe()?;
    // The context, and every other connection of it, stay as they are.
    let checked = Reducer::custom(Checked);
    one.set_reducer(checked.clone());
    other.set_reducer(checked);
    one.send(&vec![("size", [640, 480])])?;
    println!("{:?}", other.recv::<Vec<(String, [u32; 2])>>()?);
    Ok(())
}
