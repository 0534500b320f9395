//! A release that many machines make: how it is divided into shards, what a shard carries, how it scales, the files of a
//! pipeline that makes one, and its rehearsal. [`crate::commands`] makes shards and joins them.

pub mod init;
pub mod inputs;
pub mod join;
pub mod matrix;
pub mod refusal;
pub mod rehearsal;
pub mod scaling;
pub mod shard;
pub mod workflow;
