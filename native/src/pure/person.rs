//! The record in Rust alone.

use crate::{NewPerson, PersonError};

/// A person in Rust's own memory.
#[derive(Debug, Clone)]
pub(crate) struct PurePerson {
    pub(crate) name: String,
    pub(crate) age: u32,
    pub(crate) salary: f64,
}

impl PurePerson {
    /// The errors come in the order that native.h fixes.
    pub(super) fn new(new: &NewPerson<'_>) -> Result<Self, PersonError> {
        let valid = std::str::from_utf8(new.name).map_or_else(|error| error.valid_up_to(), str::len);
        if let Some(at) = new.name[..valid].iter().position(|&byte| byte == 0) {
            return Err(PersonError::EmbeddedNul { at });
        }
        let name = std::str::from_utf8(new.name).map_err(|_| PersonError::InvalidUtf8 { at: valid })?;
        if new.age > crate::Person::MAX_AGE {
            return Err(PersonError::Age);
        }
        check_salary(new.salary)?;
        Ok(Self { name: name.to_owned(), age: new.age, salary: new.salary })
    }

    pub(crate) fn set_salary(&mut self, salary: f64) -> Result<(), PersonError> {
        check_salary(salary)?;
        self.salary = salary;
        Ok(())
    }
}

/// −0.0 is not negative: it is equal to zero.
fn check_salary(salary: f64) -> Result<(), PersonError> {
    if salary.is_finite() && salary >= 0.0 { Ok(()) } else { Err(PersonError::Salary) }
}
