//! Sizes, timings and reports: the data about a run's products that are written and printed.

pub mod json;
pub mod report;
pub mod size;
pub mod timing;
