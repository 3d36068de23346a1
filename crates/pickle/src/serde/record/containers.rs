//! Opcodes that make containers and objects, and that put things into them.

use super::{Machine, Outcome};
use crate::error::ErrorKind;
use crate::serde::tape::{Item, Make, Object, Span};

impl<'de> Machine<'de, '_> {
    pub(super) fn collect(&mut self, item: fn(Span) -> Item<'de>) -> Outcome {
        let start = self.mark()?;
        let span = self.tape.span(&self.stack[start..])?;
        self.stack.truncate(start);
        self.push(item(span))
    }

    #[inline]
    pub(super) fn tuple(&mut self, count: usize) -> Outcome {
        let start = self.need(count)?;
        let span = self.tape.span(&self.stack[start..])?;
        self.stack.truncate(start);
        self.push(Item::Tuple(span))
    }

    /// What the items from `start` on are for: the object right below them.
    #[inline]
    pub(super) fn target(&self, start: usize) -> Outcome<u32> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match start.checked_sub(1) {
            Some(target) if target >= floor => Ok(self.stack[target]),
            _ => Err(ErrorKind::StackUnderflow),
        }
    }

    #[inline]
    pub(super) fn append(&mut self, start: usize) -> Outcome {
        let target = self.target(start)?;
        if start == self.stack.len() {
            return Ok(());
        }
        if let Item::List(span) = self.tape.item(target) {
            let span = self.tape.extend(span, &self.stack[start..])?;
            self.tape.items[target as usize] = Item::List(span);
        } else {
            let items = self.stack[start..].to_vec();
            self.object(target)?.items.extend(items);
        }
        self.stack.truncate(start);
        Ok(())
    }

    #[inline]
    pub(super) fn set_items(&mut self, start: usize) -> Outcome {
        let target = self.target(start)?;
        even(self.stack.len() - start)?;
        if start == self.stack.len() {
            return Ok(());
        }
        if let Item::Dict(span) = self.tape.item(target) {
            let span = self.tape.extend(span, &self.stack[start..])?;
            self.tape.items[target as usize] = Item::Dict(span);
        } else {
            let pairs = self.stack[start..].to_vec();
            self.object(target)?.pairs.extend(pairs);
        }
        self.stack.truncate(start);
        Ok(())
    }

    pub(super) fn add_items(&mut self, start: usize) -> Outcome {
        let target = self.target(start)?;
        if let Item::Set(span) = self.tape.item(target) {
            let span = self.tape.extend(span, &self.stack[start..])?;
            self.tape.items[target as usize] = Item::Set(span);
        } else {
            let items = self.stack[start..].to_vec();
            self.object(target)?.items.extend(items);
        }
        self.stack.truncate(start);
        Ok(())
    }

    /// The object that something is done to; what is none becomes one under the same id.
    pub(super) fn object(&mut self, id: u32) -> Outcome<&mut Object> {
        let index = match self.tape.item(id) {
            Item::Object(index) => index,
            Item::None | Item::Bool(_) => return Err(ErrorKind::WrongOperand("an object that can change")),
            item => {
                let given = self.add(item)?;
                let index = self.tape.objects.len() as u32;
                self.tape.objects.push(Make::Given(given).into());
                self.tape.items[id as usize] = Item::Object(index);
                index
            }
        };
        Ok(&mut self.tape.objects[index as usize])
    }

    pub(super) fn make(&mut self, make: Make) -> Outcome {
        let index = self.tape.objects.len() as u32;
        self.push(Item::Object(index))?;
        self.tape.objects.push(make.into());
        Ok(())
    }
}

pub(super) fn even(count: usize) -> Outcome {
    if count.is_multiple_of(2) { Ok(()) } else { Err(ErrorKind::WrongOperand("a value for every key")) }
}
