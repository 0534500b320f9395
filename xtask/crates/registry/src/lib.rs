//! Registries: the one module that talks to the network.
//!
//! ```text
//! Reference → lock (tag → digest) → index → manifest for the platform → configuration and layers → tars → RootFs
//!             ↑ client: http, tls, proxy, challenge, credentials, auth          └ store: all of it by digest
//! ```

use std::path::Path;

use xtask_process::host::Host;
use xtask_process::ui::Ui;

mod auth;
mod challenge;
pub mod client;
pub mod credentials;
mod docker_config;
mod host;
pub mod http;
pub mod lock;
pub mod manifest;
mod proxy;
mod pull;
pub mod push;
mod reference;
pub mod referrers;
mod secret;
pub mod store;
mod tls;
mod url;

pub use docker_config::DockerConfig;
pub use host::Registry;
pub use pull::{PulledImage, base, check, image, update};
pub use reference::Reference;
pub use secret::Secret;

/// What pulling takes from its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct PullContext<'a> {
    /// The user's cache folder ([`xtask_process::cache::dir`]).
    pub cache: &'a Path,
    /// The folder of locks: `docker/bases` of the workspace.
    pub locks: &'a Path,
    /// Nothing is asked: what is neither locked nor in the cache is missing.
    pub offline: bool,
    /// Where progress is shown.
    pub ui: &'a Ui,
    /// The variables: where Docker keeps passwords, proxies, certificates.
    pub host: &'a Host,
}
