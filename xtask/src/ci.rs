//! A release that many machines make: how it is divided into shards, and what a shard carries. [`crate::commands`] makes
//! shards and joins them.

pub mod inputs;
pub mod join;
pub mod matrix;
pub mod refusal;
pub mod shard;
