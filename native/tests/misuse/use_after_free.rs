//! A record's name is used after the record was freed.

use native::NewPerson;

fn main() {
    let person = native::person(NewPerson { name: b"Ada", age: 36, salary: 1.0 }).unwrap();
    let name = person.name();
    drop(person);
    println!("{name}");
}
