//! A release that many machines make: how it is divided into shards, what a shard carries, and how it scales.
//! [`crate::commands`] makes shards and joins them.

pub mod inputs;
pub mod join;
pub mod matrix;
pub mod refusal;
pub mod scaling;
pub mod shard;
