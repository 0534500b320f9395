//! A record is changed while its name is in use.

use native::NewPerson;

fn main() {
    let mut person = native::person(NewPerson { name: b"Ada", age: 36, salary: 1.0 }).unwrap();
    let name = person.name();
    person.set_salary(2.0).unwrap();
    println!("{name}");
}
