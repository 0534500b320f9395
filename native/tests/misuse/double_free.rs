//! A record is freed twice.

use native::NewPerson;

fn main() {
    let person = native::person(NewPerson { name: b"Ada", age: 36, salary: 1.0 }).unwrap();
    drop(person);
    drop(person);
}
