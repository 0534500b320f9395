//! The record that C allocates.

use std::ptr::{self, NonNull};

use super::table::{Person, PersonSpec};
use super::{FunctionTable, out_of_memory};
use crate::{BadPerson, NewPerson, PersonError, codes};

/// The owner of a `native_person`, which C allocated.
pub(crate) struct CPerson {
    person: NonNull<Person>,
    table: &'static FunctionTable,
}

// SAFETY: it is the only owner of its object, which C frees on any thread.
unsafe impl Send for CPerson {}
// SAFETY: a shared reference gives nothing but reading, and C changes nothing when it reads.
unsafe impl Sync for CPerson {}

fn spec(new: &NewPerson<'_>) -> PersonSpec {
    PersonSpec { name: new.name.as_ptr().cast(), length: new.name.len(), age: new.age, salary: new.salary }
}

/// What C's code means for this person.
fn error(code: i32, detail: u64, new: &NewPerson<'_>) -> PersonError {
    codes::person(code, detail).unwrap_or_else(|| out_of_memory(new.name.len()))
}

impl CPerson {
    pub(super) fn new(table: &'static FunctionTable, new: &NewPerson<'_>) -> Result<Self, PersonError> {
        let (mut person, mut detail) = (ptr::null_mut(), 0);
        // SAFETY: the name lives during the call, and C copies it; the two results are this function's own.
        let code = unsafe { (table.person_create)(table.heap, &spec(new), &mut person, &mut detail) };
        match NonNull::new(person) {
            Some(person) if code == codes::OK => Ok(Self { person, table }),
            _ => Err(error(code, detail, new)),
        }
    }

    pub(super) fn many(table: &'static FunctionTable, new: &[NewPerson<'_>]) -> Result<Vec<Self>, BadPerson> {
        let specs: Vec<PersonSpec> = new.iter().map(spec).collect();
        let mut people: Vec<*mut Person> = vec![ptr::null_mut(); specs.len()];
        // Allocated before C makes anything, so that nothing can come between C's objects and their owners.
        let mut owned = Vec::with_capacity(specs.len());
        let (mut index, mut detail) = (0, 0);
        // SAFETY: both lists hold that many elements; names live during the call, and C copies them; the other two
        // results are this function's own.
        let code = unsafe {
            let people = people.as_mut_ptr();
            (table.people_create)(table.heap, specs.as_ptr(), specs.len(), people, &mut index, &mut detail)
        };
        if code != codes::OK {
            return Err(BadPerson { index, error: error(code, detail, &new[index]) });
        }
        // Each of them is an object of its own; none is NULL after OK.
        owned.extend(people.into_iter().filter_map(NonNull::new).map(|person| Self { person, table }));
        Ok(owned)
    }

    pub(crate) fn name(&self) -> &str {
        let mut length = 0;
        // SAFETY: the object is alive; C shows `length` initialised bytes, which stay as they are while it is.
        let name = unsafe {
            let start = (self.table.person_name)(self.person.as_ptr(), &mut length);
            std::slice::from_raw_parts(start.cast::<u8>(), length)
        };
        debug_assert!(std::str::from_utf8(name).is_ok(), "C broke the promise of native.h");
        // SAFETY: C made the person only after it found that its name is UTF-8.
        unsafe { std::str::from_utf8_unchecked(name) }
    }

    pub(crate) fn age(&self) -> u32 {
        // SAFETY: the object is alive.
        unsafe { (self.table.person_age)(self.person.as_ptr()) }
    }

    pub(crate) fn salary(&self) -> f64 {
        // SAFETY: the object is alive.
        unsafe { (self.table.person_salary)(self.person.as_ptr()) }
    }

    pub(crate) fn set_salary(&mut self, salary: f64) -> Result<(), PersonError> {
        // SAFETY: the object is alive, and `&mut self` is the only way to it.
        match unsafe { (self.table.person_set_salary)(self.person.as_ptr(), salary) } {
            codes::OK => Ok(()),
            _ => Err(PersonError::Salary),
        }
    }
}

impl Drop for CPerson {
    fn drop(&mut self) {
        // SAFETY: the object came from this table, and this value, its only owner, ends here.
        unsafe { (self.table.person_free)(self.person.as_ptr()) }
    }
}
