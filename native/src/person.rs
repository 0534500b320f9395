//! The owned record: made in one call, freed once, when it is dropped.

use std::fmt;

use crate::pure;

/// What a person is made from. Nothing in it is trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewPerson<'a> {
    /// The name: UTF-8 without a NUL, which would end it early in C. It may be empty.
    pub name: &'a [u8],
    /// The age in years, at most [`Person::MAX_AGE`].
    pub age: u32,
    /// Finite and not negative, in whatever unit the caller thinks in.
    pub salary: f64,
}

/// Why there is no such person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonError {
    /// The name is not UTF-8.
    InvalidUtf8 {
        /// The offset of the first byte that is no part of a scalar value.
        at: usize,
    },
    /// The name has a NUL in it.
    EmbeddedNul {
        /// The offset of the NUL in the name, in bytes.
        at: usize,
    },
    /// The age is above [`Person::MAX_AGE`].
    Age,
    /// The salary is negative, infinite or NaN.
    Salary,
}

impl fmt::Display for PersonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUtf8 { at } => write!(f, "the name is not UTF-8 from its byte {at} on"),
            Self::EmbeddedNul { at } => write!(f, "byte {at} of the name is NUL"),
            Self::Age => write!(f, "the age is above {}", Person::MAX_AGE),
            Self::Salary => f.write_str("the salary is negative or not a finite number"),
        }
    }
}

impl std::error::Error for PersonError {}

/// Why none of many persons was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPerson {
    /// The first of them that cannot be made.
    pub index: usize,
    /// The reason why this person cannot be made.
    pub error: PersonError,
}

impl fmt::Display for BadPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "person {}: {}", self.index, self.error)
    }
}

impl std::error::Error for BadPerson {}

/// A person, who belongs to the backend that made it: in C, an object that C allocated and that C frees when this value
/// is dropped. There is no other way to free it, so it cannot be freed twice or used afterwards.
pub struct Person(PersonRepr);

enum PersonRepr {
    Rust(pure::PurePerson),
    #[cfg(ffi)]
    C(crate::ffi::CPerson),
}

impl Person {
    /// The highest age, in years.
    pub const MAX_AGE: u32 = 150;

    /// Returns the name of the person.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            PersonRepr::Rust(person) => &person.name,
            #[cfg(ffi)]
            PersonRepr::C(person) => person.name(),
        }
    }

    /// Returns the age, in years.
    #[must_use]
    pub fn age(&self) -> u32 {
        match &self.0 {
            PersonRepr::Rust(person) => person.age,
            #[cfg(ffi)]
            PersonRepr::C(person) => person.age(),
        }
    }

    /// Returns the salary, which is finite and not negative.
    #[must_use]
    pub fn salary(&self) -> f64 {
        match &self.0 {
            PersonRepr::Rust(person) => person.salary,
            #[cfg(ffi)]
            PersonRepr::C(person) => person.salary(),
        }
    }

    /// Changes the salary.
    ///
    /// # Errors
    /// [`PersonError::Salary`], and then nothing has changed.
    pub fn set_salary(&mut self, salary: f64) -> Result<(), PersonError> {
        match &mut self.0 {
            PersonRepr::Rust(person) => person.set_salary(salary),
            #[cfg(ffi)]
            PersonRepr::C(person) => person.set_salary(salary),
        }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("name", &self.name())
            .field("age", &self.age())
            .field("salary", &self.salary())
            .finish()
    }
}

impl From<pure::PurePerson> for Person {
    fn from(person: pure::PurePerson) -> Self {
        Self(PersonRepr::Rust(person))
    }
}

#[cfg(ffi)]
impl From<crate::ffi::CPerson> for Person {
    fn from(person: crate::ffi::CPerson) -> Self {
        Self(PersonRepr::C(person))
    }
}
