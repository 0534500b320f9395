//! Bills of materials: what they say of small fixed inputs, of any text, and whether CycloneDX's own library takes them.

mod c;
mod images;
mod programs;
mod properties;
mod property;
mod sample;
mod validate;
