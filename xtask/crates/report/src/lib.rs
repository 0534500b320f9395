//! What a run writes and prints about its products: sizes, timings and reports.

pub mod json;
pub mod report;
pub mod size;
pub mod timing;
