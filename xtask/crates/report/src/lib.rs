//! What a run says of what it made: sizes, timings and reports.

pub mod json;
pub mod report;
pub mod size;
pub mod timing;
