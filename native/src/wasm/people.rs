//! Records that the module makes, and of which the program gets copies.

use super::instance::Instance;
use crate::{BadPerson, NewPerson, Person, codes, pure};

/// The size of `native_person_spec` in the module: two addresses, the age, four bytes of nothing, the salary.
const SPEC: usize = 24;

pub(super) fn make(instance: &mut Instance, new: &[NewPerson<'_>]) -> Result<Vec<Person>, BadPerson> {
    let names: Vec<u8> = new.iter().flat_map(|new| new.name).copied().collect();
    let names = instance.copy_bytes_in(&names);
    let mut name = names;
    let specs: Vec<[u8; SPEC]> = new
        .iter()
        .map(|new| {
            let mut spec = [0; SPEC];
            let length = new.name.len() as u32;
            spec[..4].copy_from_slice(&name.to_le_bytes());
            name += length;
            spec[4..8].copy_from_slice(&length.to_le_bytes());
            spec[8..12].copy_from_slice(&new.age.to_le_bytes());
            spec[16..].copy_from_slice(&new.salary.to_le_bytes());
            spec
        })
        .collect();
    let specs = instance.copy_bytes_in(specs.as_flattened());
    // The detail and the index, then the persons' addresses.
    let results = instance.take(16 + new.len().saturating_mul(4));
    let (heap, count, people) = (instance.heap(), new.len() as u32, results + 16);
    let code: i32 = instance.call("native_people_create", (heap, specs, count, people, results + 8, results));
    let made = if code == codes::OK {
        Ok((0..count)
            .map(|i| {
                let person = instance.u32_at(people + 4 * i);
                take_out(instance, person, results)
            })
            .collect())
    } else {
        let index = instance.u32_at(results + 8) as usize;
        match codes::person(code, instance.u64_at(results)) {
            Some(error) => Err(BadPerson { index, error }),
            None => {
                instance.object(0, names as usize);
                unreachable!("NULL is no object")
            }
        }
    };
    for memory in [results, specs, names] {
        instance.give(memory);
    }
    made
}

/// A copy of the person at this address, which is freed. `scratch` has room for a number.
fn take_out(instance: &mut Instance, person: u32, scratch: u32) -> Person {
    let name: u32 = instance.call("native_person_name", (person, scratch));
    let name = super::text(instance.bytes(name, instance.u32_at(scratch)));
    let age = instance.call("native_person_age", person);
    let salary = instance.call("native_person_salary", person);
    instance.call::<_, ()>("native_person_free", person);
    pure::PurePerson { name, age, salary }.into()
}
