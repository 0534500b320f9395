//! targets.toml: what is refused and in which words, what is taken, and that nothing at all makes it panic.

mod cargo;
mod ci_init;
mod errors;
mod files;
mod golden;
mod images;
mod init;
mod made_up;
mod property;
mod reference;
mod valid;
mod workspace;
