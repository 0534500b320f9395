//! Pulls from and pushes to registries. Only this crate uses the network.
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
mod complaint;
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

/// The context of pulling.
#[derive(Debug, Clone, Copy)]
pub struct PullContext<'a> {
    /// The user's cache folder ([`xtask_process::cache::dir`]).
    pub cache: &'a Path,
    /// The folder of locks: `docker/bases` of the workspace.
    pub locks: &'a Path,
    /// Whether requests are forbidden. Then an image that is not locked or not in the cache is missing.
    pub offline: bool,
    /// The printer for progress.
    pub ui: &'a Ui,
    /// The variables: the folders of Docker's passwords, proxies, certificates.
    pub host: &'a Host,
}
