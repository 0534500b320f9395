//! The command `cargo xtask`: makes programs, images and timings from targets.toml and the findings on this
//! machine. The layers below it are separate crates (xtask/crates). ARCHITECTURE.md shows how data passes
//! through all of them.

pub mod archive;
pub mod attached;
pub mod auditable;
pub mod base_selection;
pub mod build;
pub mod cargo;
pub mod causes;
pub mod ci;
pub mod cli;
pub mod commands;
pub mod compile_cache;
pub mod conformance;
pub mod contents;
pub mod cosign;
pub mod discovery;
pub mod failure;
pub mod image_spec;
pub mod importers;
pub mod init;
pub mod internal;
pub mod licenses;
pub mod outcome;
pub mod package_id;
pub mod plan;
pub mod provenance;
pub mod publish;
pub mod published_image;
pub mod rebuild;
pub mod record;
pub mod runtime;
pub mod sbom;
pub mod session;
pub mod smoke;
pub mod step_summary;
pub mod tool_needs;
pub mod toolchain_lock;
pub mod trap;
pub mod verify;
